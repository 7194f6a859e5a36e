/* SPDX-License-Identifier: Apache-2.0
 *
 * See diffusion_config.h.
 */
#include "models/dabfusion/diffusion_config.h"

#include <stdlib.h>
#include <string.h>

static const char class_name[] = "dabfusion.diffusion";

void diffusion_config_finish(DiffusionConfig *c, int z_channels)
{
    c->unet.channels = FLOW_NUMBERS + z_channels;
    c->unet.cond = music_plan_width(&c->music);
    c->unet.frame_cond = c->improved ? MUSIC_FRAME : 0;
}

static const char *mults_text(const FlowUnetConfig *c, Arena *a)
{
    const char *text = "";
    for (int i = 0; i < c->levels; i++)
        text = arena_printf(a, "%s%s%lld", text, i ? "-" : "", (long long)c->mults[i]);
    return text;
}

int diffusion_describe(const DiffusionConfig *c, Arena *a, MetaPair *out, int max)
{
    const FlowUnetConfig *u = &c->unet;
    const MetaPair pairs[] = {{"class", class_name},
                              {"mode", c->improved ? "improved" : "paper"},
                              {"music", music_plan_text(&c->music, a)},
                              {"frames", arena_printf(a, "%d", c->music.frames)},
                              {"fps", arena_printf(a, "%.9g", c->music.fps)},
                              {"cells", arena_printf(a, "%d", c->cells)},
                              {"lfae", arena_printf(a, "%016llx", (unsigned long long)c->lfae)},
                              {"dim", arena_printf(a, "%lld", (long long)u->dim)},
                              {"mults", mults_text(u, a)},
                              {"channels", arena_printf(a, "%lld", (long long)u->channels)},
                              {"heads", arena_printf(a, "%d", u->heads)},
                              {"head_dim", arena_printf(a, "%d", u->head_dim)},
                              {"learned_null", u->learned_null ? "true" : "false"},
                              {"upsample", u->nearest_up ? "nearest" : "deconv"}};
    int n = MIN((int)ARRAY_LEN(pairs), max);
    memcpy(out, pairs, (size_t)n * sizeof *pairs);
    return n;
}

static bool number(const SafeTensors *st, const char *key, int64_t lo, int64_t hi, int64_t *out, Err *e)
{
    const char *text = safetensors_meta(st, key);
    if (text && text_to_int(text, out) && *out >= lo && *out <= hi)
        return true;
    return err_set(e, "%s is \"%s\"; needed is a number from %lld to %lld", key, text ? text : "missing", (long long)lo, (long long)hi);
}

/* One of two words. */
static bool either(const SafeTensors *st, const char *key, const char *yes, const char *no, bool *out, Err *e)
{
    const char *text = safetensors_meta(st, key);
    *out = text && !strcmp(text, yes);
    return *out || (text && !strcmp(text, no)) || err_set(e, "%s is \"%s\"; allowed are %s, %s", key, text ? text : "missing", yes, no);
}

static bool read_unet(const SafeTensors *st, FlowUnetConfig *u, Err *e)
{
    int64_t heads, head_dim;
    const char *mults = safetensors_meta(st, "mults");
    if (!number(st, "dim", 8, 1024, &u->dim, e) || !number(st, "channels", 4, 4096, &u->channels, e) || !number(st, "heads", 1, 64, &heads, e) ||
        !number(st, "head_dim", 2, 256, &head_dim, e) || !either(st, "learned_null", "true", "false", &u->learned_null, e) ||
        !either(st, "upsample", "nearest", "deconv", &u->nearest_up, e))
        return false;
    u->heads = (int)heads;
    u->head_dim = (int)head_dim;
    u->levels = net_numbers("mults", mults ? mults : "", 1, 64, u->mults, ARRAY_LEN(u->mults), e);
    return u->levels > 0;
}

bool diffusion_read_config(const SafeTensors *st, DiffusionConfig *c, Err *e)
{
    const char *class = safetensors_meta(st, "class"), *music = safetensors_meta(st, "music"), *fps = safetensors_meta(st, "fps");
    const char *lfae = safetensors_meta(st, "lfae");
    int64_t frames, cells, channels;
    *c = (DiffusionConfig){0};
    if (!class || strcmp(class, class_name))
        return err_set(e, "these are weights of \"%s\", needed are those of %s (jig train dabfusion)", class ? class : "no known class", class_name);
    if (!either(st, "mode", "improved", "paper", &c->improved, e) || !music_plan_parse(music ? music : "", &c->music, e) ||
        !number(st, "frames", 1, 1000, &frames, e) || !number(st, "cells", 4, 512, &cells, e) || !read_unet(st, &c->unet, e))
        return false;
    if (!fps || !text_to_double(fps, &c->music.fps) || !(c->music.fps >= 1 && c->music.fps <= 240))
        return err_set(e, "fps is \"%s\"; needed is a number from 1 to 240", fps ? fps : "missing");
    c->music.frames = (int)frames;
    c->cells = (int)cells;
    c->lfae = lfae ? strtoull(lfae, NULL, 16) : 0;
    channels = c->unet.channels;
    diffusion_config_finish(c, (int)channels - FLOW_NUMBERS);
    return true;
}
