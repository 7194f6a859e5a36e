/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan of a song: style, tempo, key, then sections and bars with their energy, and where beats and swung sixteenths
 * lie.
 */
#include "synth/song_internal.h"

#include <string.h>

#define STREAM_PLAN 0x504C414Eu
#define STREAM_EXTRA 0x45585452u

typedef struct FormStep { SectionKind kind; int theme; float energy; } FormStep;

/* Forms of songs, and of dance tracks with builds and drops. They begin again where a song is longer. */
static const FormStep song_form[] = {
    {SECTION_INTRO, 0, 0.4f}, {SECTION_VERSE, 0, 0.6f}, {SECTION_CHORUS, 1, 0.9f}, {SECTION_VERSE, 0, 0.65f},
    {SECTION_CHORUS, 1, 0.95f}, {SECTION_BRIDGE, 2, 0.45f}, {SECTION_CHORUS, 1, 1}, {SECTION_OUTRO, 0, 0.5f}};
static const FormStep track_form[] = {
    {SECTION_INTRO, 0, 0.45f}, {SECTION_BUILD, 0, 0.7f}, {SECTION_CHORUS, 1, 0.95f}, {SECTION_BREAK, 2, 0.2f},
    {SECTION_BUILD, 2, 0.7f}, {SECTION_CHORUS, 1, 1}, {SECTION_VERSE, 0, 0.65f}, {SECTION_BREAK, 3, 0.25f},
    {SECTION_CHORUS, 1, 1}, {SECTION_OUTRO, 0, 0.5f}};

static MusicStyle draw_style(Rng *r, double tempo)
{
    int fit[MUSIC_DRAWN_STYLES], n = 0;
    for (int s = 0; s < MUSIC_DRAWN_STYLES; s++)
        if (tempo <= 0 || (tempo > song_styles[s].tempo_lo - 3 && tempo < song_styles[s].tempo_hi + 3))
            fit[n++] = s;
    if (n == 0) /* a tempo where no style is at home: those that can be played at any */
        return rng_chance(r, 0.5f) ? MUSIC_POP : MUSIC_ROCK;
    return (MusicStyle)fit[rng_int(r, 0, n - 1)];
}

static void add_section(SongPlan *p, Rng *r, const FormStep *f, int bars, bool steady)
{
    SongSection *s = &p->section[p->n_sections];
    float drawn = steady ? 0.9f : f->energy + rng_range(r, -0.08f, 0.08f), energy = CLAMP(drawn, 0.1f, 1.0f);
    *s = (SongSection){f->kind, p->n_bars * p->metre, bars * p->metre, f->theme, energy};
    for (int b = 0; b < bars; b++) {
        float ramp = f->kind == SECTION_BUILD ? -0.25f + 0.35f * (float)b / (float)MAX(bars - 1, 1) : 0;
        p->bar[p->n_bars++] = (SongBar){.section = p->n_sections, .theme = f->theme, .in_section = b,
                                        .energy = CLAMP(energy + (steady ? 0 : ramp), 0.1f, 1.0f)};
    }
    SongBar *last = &p->bar[p->n_bars - 1];
    last->fill = rng_chance(r, 0.75f) && f->kind != SECTION_BREAK;
    if (!steady && f->kind == SECTION_BUILD)
        last->stop = rng_chance(r, 0.5f);
    if (!steady && f->kind == SECTION_BREAK && bars > 2 && rng_chance(r, 0.25f))
        last->silent = true;
    p->n_sections++;
}

static void make_form(SongPlan *p, Rng *r, int bars, bool steady)
{
    const FormStep *form = p->style->electronic ? track_form : song_form;
    int steps = p->style->electronic ? (int)ARRAY_LEN(track_form) : (int)ARRAY_LEN(song_form);
    int unit = bars < 12 ? 2 : rng_chance(r, 0.7f) ? 4 : 8; /* short songs run through their form faster */
    int at = rng_chance(r, 0.5f) ? 0 : rng_int(r, 1, 3);     /* pieces of songs begin anywhere */
    while (p->n_bars < bars) {
        int length = unit * (form[at].kind == SECTION_BREAK || form[at].kind == SECTION_INTRO ? 1 : rng_int(r, 1, 2));
        if (p->n_sections == SONG_MAX_SECTIONS - 1)
            length = bars - p->n_bars;
        add_section(p, r, &form[at], MIN(length, bars - p->n_bars), steady);
        at = (at + 1) % steps;
    }
}

/* What was asked for beyond the usual, from a stream of its own: songs without such wishes stay as they are. */
static void add_wishes(SongPlan *p, const SongOptions *o)
{
    Rng r = rng_make(o->seed, STREAM_EXTRA);
    if (o->drift > 0) {
        p->drift = (float)o->drift;
        p->drift_rate = rng_range(&r, 0.5f, 3);
    }
    if (o->swing > 0) {
        p->swing = (float)o->swing;
        p->swing_eighths = true;
    }
    int heard = 1; /* sections that begin within the song: bars were planned for the fastest tempo */
    while (heard < p->n_sections && p->section[heard].first_beat * 60 / p->tempo < 0.85 * o->seconds)
        heard++;
    for (int k = 0; k < o->tempo_changes; k++) { /* spread over the sections */
        int section = (k + 1) * heard / (o->tempo_changes + 1);
        double beat = p->section[section].first_beat, last = p->n_changes ? p->change_beat[p->n_changes - 1] : 0;
        if (beat <= last)
            continue;
        double by = (double)rng_range(&r, 1.07f, 1.22f), now = p->n_changes ? p->change_tempo[p->n_changes - 1] : 1;
        bool faster = now < 0.8 || (now < 1.25 && rng_chance(&r, 0.5f));
        p->change_beat[p->n_changes] = beat;
        p->change_tempo[p->n_changes++] = faster ? now * by : now / by;
    }
    for (int b = 0; b < p->n_bars; b++) {
        p->bar[b].half_time = o->half_time && p->metre == 4 && p->bar[b].section % 2 == (int)(o->seed % 2);
        p->bar[b].no_drums = o->drum_breaks && p->bar[b].section % 3 == (int)(o->seed % 3);
    }
}

void song_plan_make(SongPlan *p, const SongOptions *o)
{
    Rng r = rng_make(o->seed, STREAM_PLAN);
    memset(p, 0, sizeof *p);
    p->seed = o->seed;
    MusicStyle drawn = draw_style(&r, o->tempo);
    p->style_id = o->style >= 0 ? (MusicStyle)o->style : drawn;
    p->style = &song_styles[p->style_id];
    float tempo = rng_range(&r, (float)p->style->tempo_lo, (float)p->style->tempo_hi);
    p->tempo = o->tempo > 0 ? o->tempo : (double)tempo;
    p->metre = p->style->metre;
    p->beat_steps = p->style->beat_steps ? p->style->beat_steps : 4;
    p->swing_eighths = p->style->swing_eighths;
    p->seconds = o->seconds;
    p->first_beat = rng_chance(&r, 0.3f) ? 0 : (double)rng_range(&r, 0, 0.7f);
    if (rng_chance(&r, 0.2f)) {
        p->drift = rng_range(&r, 0.003f, 0.02f);
        p->drift_rate = rng_range(&r, 0.5f, 3);
    }
    p->key = rng_int(&r, 0, 11);
    p->scale = p->style->scale[rng_int(&r, 0, 1)];
    p->swing = rng_chance(&r, 0.6f) ? rng_range(&r, p->style->swing_lo, p->style->swing_hi) : p->style->swing_lo;
    p->bass = p->style->bass[rng_int(&r, 0, 1)];
    p->chord = p->style->chord[rng_int(&r, 0, 1)];
    p->lead = rng_chance(&r, 0.75f);
    double fastest = o->tempo_changes > 0 ? 1.6 : 1.03 + 1.2 * o->drift;
    int bars = (int)(o->seconds * p->tempo * fastest / 60 / p->metre) + 2;
    p->bar = mem_zero((size_t)bars * sizeof *p->bar);
    make_form(p, &r, bars, o->steady);
    add_wishes(p, o);
}

void song_plan_finish(SongPlan *p)
{
    mem_free(p->bar);
    p->bar = NULL;
}

/* Beats as they would be counted had the tempo never jumped. */
static double without_changes(const SongPlan *p, double beat)
{
    double sum = beat;
    for (int k = 0; k < p->n_changes && beat > p->change_beat[k]; k++) {
        double before = k ? p->change_tempo[k - 1] : 1;
        sum += (beat - p->change_beat[k]) * (1 / p->change_tempo[k] - 1 / before);
    }
    return sum;
}

/* The tempo breathes as 1 + drift cos(2 pi turns x), x = beat / beats of the song, so times are a closed form. */
double song_plan_beat_time(const SongPlan *p, double beat)
{
    beat = without_changes(p, beat);
    double even = beat * 60 / p->tempo, whole = (double)p->n_bars * p->metre;
    if (p->drift > 0) {
        double turns = 2 * M_PI * (double)p->drift_rate;
        even += (double)p->drift * sin(turns * beat / whole) * whole / turns * 60 / p->tempo;
    }
    return p->first_beat + even;
}

double song_plan_step_time(const SongPlan *p, int bar, double step)
{
    double pair = p->swing_eighths ? 4 : 2, within = fmod(step, pair), half = pair / 2,
        late = half * (double)p->swing;
    double swung = within < half ? within * (half + late) / half : half + late + (within - half) * (half - late) / half;
    return song_plan_beat_time(p, bar * p->metre + (step - within + swung) / p->beat_steps);
}
