/* SPDX-License-Identifier: Apache-2.0
 *
 * Is the dance on the beat of its own song? For each picture with each song: the score of the motion on that song's beats
 * (matched), and on the beats of the other songs (swapped). Prints a row a pair and the difference over its standard error; then
 * how much a silent song moves the figure, and whether a song played 25 % faster is danced 25 % faster.
 *
 *     sync MODEL SECONDS PICTURE... -- SONG[=BEATS]...       MODEL: a folder; BEATS: a .beats file, else they are tracked
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/metrics.h"
#include "models/articulated/articulated.h"

enum { MAX_SONGS = 32, RATE = 22050 };

typedef struct Song {
    const char *path;
    float *mono;
    int64_t n;
    BeatGrid grid;
} Song;

typedef struct Dance {
    float (*joints)[FIGURE_JOINTS][2];
    int64_t frames;
    double speed; /* mean distance per frame, in body heights */
} Dance;

static int die(const Err *e)
{
    fprintf(stderr, "sync: %s\n", e->text);
    exit(1);
}

static void song_open(Song *s, char *arg, double seconds)
{
    Err e = {0};
    char *beats = strchr(arg, '=');
    if (beats)
        *beats++ = 0;
    Sound sound = {0};
    float *mono = NULL;
    s->path = arg;
    audio_grid_init(&s->grid);
    if (!sound_load(arg, 0, -1, &sound, &e) || !sound_to_mono(&sound, &mono, &e) ||
        !audio_resample(mono, sound.frames, sound.rate, RATE, &s->mono, &s->n, &e) ||
        !(beats ? audio_beats_read(&s->grid, beats, 0, &e) : audio_track_beats(&s->grid, s->mono, s->n, RATE, NULL, &e)))
        die(&e);
    s->n = MIN(s->n, llround(seconds * RATE));
    audio_grid_cut(&s->grid, 0, (double)s->n / RATE);
    mem_free(mono);
    sound_finish(&sound);
}

static Dance dance(ArticulatedModel *m, const Picture *p, const Figure *f, const Song *s, uint64_t seed)
{
    Err e = {0};
    ArticulatedOptions o;
    opt_defaults(articulated_options, &o);
    o.size = 128;
    o.seed = (int64_t)seed;
    Moves moves = {0};
    ArticulatedSession *session = NULL;
    if (!articulated_make_moves(m, s->mono, s->n, RATE, &s->grid, &o, &moves, NULL, &e) ||
        !articulated_begin(&session, m, p, f, &moves, &o, NULL, &e))
        die(&e);
    Dance d = {.frames = articulated_frames(session)};
    d.joints = mem_alloc((size_t)d.frames * sizeof *d.joints);
    for (int64_t i = 0; i < d.frames; i++)
        articulated_joints(session, i, d.joints[i]);
    for (int64_t i = 26; i < d.frames; i++) /* after the blend out of the picture's pose */
        for (int j = 0; j < FIGURE_JOINTS; j++)
            d.speed += hypot(d.joints[i][j][0] - d.joints[i - 1][j][0], d.joints[i][j][1] - d.joints[i - 1][j][1]) /
                       (FIGURE_JOINTS * (double)(d.frames - 26) * articulated_height(session));
    articulated_end(session);
    moves_finish(&moves);
    return d;
}

static SyncScore score(const Dance *d, const BeatGrid *g)
{
    return metrics_sync_joints(&d->joints[0][0][0], d->frames, FIGURE_JOINTS, 2, 25, g->seconds, g->n);
}

/* Matched minus the mean of swapped, one number a pair. */
static double pair(const Dance *d, const Song *songs, int n, int own, const char *picture)
{
    SyncScore matched = score(d, &songs[own].grid);
    double swapped = 0;
    for (int i = 0; i < n; i++)
        if (i != own)
            swapped += score(d, &songs[i].grid).score / (n - 1);
    printf("%-28.28s\t%-28.28s\t%.1f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\n", strrchr(picture, '/') ? strrchr(picture, '/') + 1 : picture,
           strrchr(songs[own].path, '/') ? strrchr(songs[own].path, '/') + 1 : songs[own].path, songs[own].grid.tempo, matched.score, swapped,
           matched.chance, matched.locking, matched.locking_chance);
    return matched.score - swapped;
}

/* The same song 1.25 times as fast: its samples resampled, its beats closer. */
static Song faster(const Song *s)
{
    Song f = {.path = s->path};
    Err e = {0};
    if (!audio_resample(s->mono, s->n, RATE * 1.25, RATE, &f.mono, &f.n, &e))
        die(&e);
    audio_grid_init(&f.grid);
    double *beats = mem_alloc((size_t)s->grid.n * sizeof *beats);
    for (int i = 0; i < s->grid.n; i++)
        beats[i] = s->grid.seconds[i] / 1.25;
    audio_grid_set(&f.grid, beats, s->grid.beat_in_bar, s->grid.n, (double)f.n / RATE);
    mem_free(beats);
    return f;
}

static void extra(ArticulatedModel *m, const Picture *p, const Figure *f, const Song *s, double music_speed)
{
    Song silent = {.path = "silence", .n = s->n, .mono = mem_zero((size_t)s->n * sizeof(float))};
    audio_grid_init(&silent.grid);
    Dance still = dance(m, p, f, &silent, 1);
    printf("\nmotion in silence: %.3f of that with music\n", still.speed / music_speed);
    Song fast = faster(s);
    Dance d = dance(m, p, f, &fast, 1);
    SyncScore own = score(&d, &fast.grid), old = score(&d, &s->grid);
    printf("25 %% faster: %.3f on the faster beats, %.3f on the old ones (chance %.3f +- %.3f)\n", own.score, old.score, own.chance, own.chance_deviation);
}

int main(int argc, char **argv)
{
    int split = 0;
    for (int i = 3; i < argc; i++)
        if (!strcmp(argv[i], "--"))
            split = i;
    if (split < 4 || argc - split - 1 < 2 || argc - split - 1 > MAX_SONGS) {
        fprintf(stderr, "usage: sync MODEL SECONDS PICTURE... -- SONG[=BEATS] SONG[=BEATS]...\n");
        return 2;
    }
    Err e = {0};
    const Device *device = device_open("auto", &e);
    ArticulatedModel *m = device ? articulated_open(argv[1], device, &e) : NULL;
    if (!m)
        return die(&e);
    Song songs[MAX_SONGS] = {0};
    int n = argc - split - 1, pairs = 0;
    for (int i = 0; i < n; i++)
        song_open(&songs[i], argv[split + 1 + i], atof(argv[2]));
    printf("picture\tsong\ttempo\tmatched\tswapped\tchance\tlocking\tlocking_chance\n");
    double sum = 0, squares = 0, speed = 0;
    for (int k = 3; k < split; k++) {
        Picture p = {0};
        Figure f = {0};
        if (!picture_load(argv[k], &p, &e) || !articulated_find(m, &p, &f, &e))
            return die(&e);
        for (int i = 0; i < n; i++) {
            Dance d = dance(m, &p, &f, &songs[i], (uint64_t)(k * 100 + i));
            double difference = pair(&d, songs, n, i, argv[k]);
            sum += difference, squares += difference * difference, speed += d.speed, pairs++;
            mem_free(d.joints);
        }
        if (k == split - 1) {
            double mean = sum / pairs, error = sqrt((squares / pairs - mean * mean) / (pairs - 1));
            printf("\n%d pairs: matched - swapped = %.3f, standard error %.4f, ratio %.1f\n", pairs, mean, error, mean / error);
            extra(m, &p, &f, &songs[0], speed / pairs);
        }
        articulated_figure_finish(&f);
        picture_finish(&p);
    }
    return 0;
}
