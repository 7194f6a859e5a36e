/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairs of pictures with their truth (synth.h): draws what scene.c decided. Source and target share figure, camera,
 * place, light and colours; only the source gets the wear of a file.
 */
#include "synth/render.h"

#include <assert.h>
#include <string.h>

SynthSource *synth_open(const SynthOptions *o, Err *e)
{
    if (o->size < 32 || o->size > 1024 || o->size % 4) {
        err_set(e, "size %d; allowed 32..1024, a multiple of 4", o->size);
        return NULL;
    }
    SynthSource *s = mem_zero(sizeof *s);
    s->options = *o;
    noise_init(&s->noise, o->seed);
    grain_init(&s->grain, o->seed);
    Rng cloth = rng_make(o->seed, 0x636c6f74);
    for (int i = 0; i < CLOTHS; i++)
        place_cloth(&cloth, &s->cloths[i]);
    if (!looks_open(&s->looks, o->looks, o->puppets, o->held_out, o->size, e) ||
        !(s->poses = poses_open(o->motion, o->held_out, e))) {
        synth_close(s);
        return NULL;
    }
    return s;
}

void synth_close(SynthSource *s)
{
    if (!s)
        return;
    looks_close(&s->looks);
    for (int i = 0; i < CLOTHS; i++)
        texture_finish(&s->cloths[i]);
    poses_close(s->poses);
    mem_free(s);
}

bool synth_trouble(SynthSource *s, Err *e)
{
    return s->looks.trouble.text[0] ? !err_set(e, "%s", s->looks.trouble.text) : false;
}

static void picture_arrays_init(SynthPicture *p, size_t pixels)
{
    p->rgb = mem_zero(3 * pixels);
    p->alpha = mem_zero(pixels);
    p->parts = mem_zero(pixels);
}

static void picture_arrays_finish(SynthPicture *p)
{
    mem_free(p->rgb);
    mem_free(p->alpha);
    mem_free(p->parts);
}

void synth_pair_init(SynthPair *p, int size)
{
    size_t pixels = (size_t)size * size;
    memset(p, 0, sizeof *p);
    p->size = size;
    picture_arrays_init(&p->source, pixels);
    picture_arrays_init(&p->target, pixels);
    p->background = mem_zero(3 * pixels);
    p->flow = mem_zero(sizeof *p->flow * 2 * pixels);
    p->visible = mem_zero(pixels);
    p->work = work_create(size);
}

void synth_pair_finish(SynthPair *p)
{
    if (!p || !p->work)
        return;
    work_destroy(p->work);
    picture_arrays_finish(&p->source);
    picture_arrays_finish(&p->target);
    mem_free(p->background);
    mem_free(p->flow);
    mem_free(p->visible);
    memset(p, 0, sizeof *p);
}

static bool render(SynthSource *src, uint64_t index, SynthPair *out, bool both)
{
    assert(out->size == src->options.size);
    Scene s;
    if (!scene_draw(src, index, &s))
        return false;
    int size = out->size;
    SynthWork *w = out->work;
    render_place(src, w, &s, size, out->background);
    render_picture(w, &s, &s.posed[0], 0, size, out->background, &out->source);
    if (both) {
        render_picture(w, &s, &s.posed[1], 1, size, out->background, &out->target);
        shade_flow(&w->layer[1], &w->layer[0], s.figure.mesh, &s.camera, size, out->flow, out->visible);
        grade_apply(&s.grade, size, out->target.rgb, w->scratch);
        grade_apply(&s.grade, size, out->background, w->scratch);
    }
    grade_apply(&s.grade, size, out->source.rgb, w->scratch);
    Rng wear = rng_make(src->options.seed + 1, index);
    wear_apply(&s.wear, &src->grain, &wear, size, out->source.rgb, w->scratch);
    out->look = s.figure.look;
    out->style = s.figure.style;
    out->framing = s.framing;
    out->body_height = s.camera.focal * s.figure.mesh->height / s.camera.distance;
    out->second_person = s.has_second;
    snprintf(out->figure, sizeof out->figure, "%s", s.figure.name);
    snprintf(out->place, sizeof out->place, "%s", s.setting.name);
    scene_finish(&s);
    return true;
}

bool synth_pair(SynthSource *s, uint64_t index, SynthPair *out) { return render(s, index, out, true); }
bool synth_picture(SynthSource *s, uint64_t index, SynthPair *out) { return render(s, index, out, false); }
