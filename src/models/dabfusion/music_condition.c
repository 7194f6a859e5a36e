/* SPDX-License-Identifier: Apache-2.0
 *
 * See music_condition.h. The beats of the whole song are tracked first and then cut: on four seconds alone the tempo is off
 * by up to 50 beats a minute (decision 6).
 */
#include "models/dabfusion/music_condition.h"

#include <string.h>

static const char *const names[3] = {"clap", "wav2clip", "beats"};

bool music_plan_parse(const char *text, MusicPlan *p, Err *e)
{
    bool *parts[3] = {&p->clap, &p->wav2clip, &p->beats};
    for (int i = 0; i < 3; i++)
        *parts[i] = false;
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, "+"), k = 0;
        while (k < 3 && (strlen(names[k]) != n || strncmp(names[k], at, n)))
            k++;
        if (k == 3 || *parts[k])
            return err_set(e, "music is \"%s\"; allowed are clap, wav2clip, beats, each once, joined by +", text);
        *parts[k] = true;
        at += n + (at[n] == '+');
    }
    return p->clap || p->wav2clip || p->beats || err_set(e, "music is empty; allowed are clap, wav2clip, beats, joined by +");
}

const char *music_plan_text(const MusicPlan *p, Arena *a)
{
    return arena_printf(a, "%s%s%s%s%s", p->clap ? "clap" : "", p->clap && (p->wav2clip || p->beats) ? "+" : "",
                        p->wav2clip ? "wav2clip" : "", p->wav2clip && p->beats ? "+" : "", p->beats ? "beats" : "");
}

int64_t music_plan_width(const MusicPlan *p)
{
    return MUSIC_EMBEDDING * (p->clap + p->wav2clip) + (p->beats ? p->frames : 0);
}

bool music_hear(Music *m, const MusicPlan *p, const float *samples, int64_t n, double rate, const BeatGrid *grid, Err *e)
{
    static const int columns[MUSIC_PLACE] = {SONG_BEAT_PULSE, SONG_DOWNBEAT_PULSE, SONG_BEAT_SIN, SONG_BEAT_COS, SONG_BAR_SIN,
                                             SONG_BAR_COS, SONG_ONSET};
    SongFeatures f = {0};
    *m = (Music){0};
    if (!audio_song_features(&f, samples, n, rate, grid, p->fps, e))
        return false;
    m->frames = f.frames;
    m->rows = mem_zero((size_t)MAX(f.frames, 1) * MUSIC_FRAME * sizeof *m->rows);
    for (int64_t t = 0; t < f.frames; t++)
        for (int c = 0; c < MUSIC_PLACE; c++)
            m->rows[t * MUSIC_FRAME + c] = f.rows[t * SONG_COLUMNS + columns[c]];
    for (int64_t t = 0; t < f.frames; t++) /* 0..2 -> 0..1 */
        m->rows[t * MUSIC_FRAME + MUSIC_ONSET] *= 0.5f;
    audio_song_features_finish(&f);
    m->n_beats = grid->n;
    m->beats = mem_alloc((size_t)MAX(grid->n, 1) * sizeof *m->beats);
    if (grid->n)
        memcpy(m->beats, grid->seconds, (size_t)grid->n * sizeof *m->beats);
    return true;
}

void music_finish(Music *m)
{
    mem_free(m->beats);
    mem_free(m->rows);
    *m = (Music){0};
}

void music_beat_flags(const Music *m, const MusicPlan *p, int64_t first, float *flags)
{
    audio_beat_flags(m->beats, m->n_beats, (double)first / p->fps, p->fps, p->frames, flags);
}

void music_frames(const Music *m, const MusicPlan *p, int64_t first, float *rows)
{
    memset(rows, 0, (size_t)p->frames * MUSIC_FRAME * sizeof *rows);
    for (int t = 0; t < p->frames; t++) {
        int64_t at = MIN(first + t, m->frames - 1);
        if (at >= 0)
            memcpy(rows + t * MUSIC_FRAME, m->rows + at * MUSIC_FRAME, MUSIC_FRAME * sizeof *rows);
        rows[t * MUSIC_FRAME + MUSIC_PLACE] = (float)t / (float)p->frames;
    }
}
