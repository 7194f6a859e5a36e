/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures of sampled dances (motion_measure.h).
 */
#include "models/articulated/motion_measure.h"
#include "audio/audio.h"
#include "models/articulated/nets.h"

#include <math.h>
#include <string.h>

enum { T = MOTION_FRAMES, STEPS = 20, FIGURES = 15, CELL = 96 };

static bool denoise(void *user, const float *z, int level, float *prediction, Err *e)
{
    MotionSampling *s = user;
    float *levels = mem_alloc((size_t)s->batch * MOTION_TIME * sizeof *levels);
    for (int64_t b = 0; b < s->batch; b++)
        motion_embed_level(level, levels + b * MOTION_TIME);
    bool ok = graph_set(s->g, "z", z, JIG_F32) && graph_set(s->g, "level", levels, JIG_F32) && graph_run(s->g, e) &&
              graph_get(s->g, "x0", prediction);
    mem_free(levels);
    return ok;
}

bool motion_sample_batch(MotionSampling *s, float *z, Err *e)
{
    DdimOptions o = {.steps = STEPS, .prediction = PREDICT_X0, .branches = 1};
    return ddim_sample(s->schedule, &o, denoise, s, z, s->batch * T * MOTION_VALUES, NULL, e);
}

static void pose_of(const float *row, Pose out)
{
    float length[MOTION_BONES];
    pose_lengths(motion_rest, length);
    moves_pose(row, length, out);
}

static double step_of(const float *a, const float *b)
{
    return sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
}

static double locking(const double *speed, const float *song, int columns)
{
    double re = 0, im = 0, all = 1e-9;
    for (int t = 1; t < T; t++) {
        re += speed[t] * song[t * columns + SONG_BEAT_COS];
        im += speed[t] * song[t * columns + SONG_BEAT_SIN];
        all += speed[t];
    }
    return sqrt(re * re + im * im) / all;
}

static bool has_beat(const float *song, int columns)
{
    for (int t = 0; t < T; t++)
        if (song[t * columns + SONG_BEAT_COS] == 0 && song[t * columns + SONG_BEAT_SIN] == 0)
            return false;
    return true;
}

void motion_measure(TrainMetrics *m, const char *what, const float *moves, const float *song, const float *other,
                    int columns)
{
    double speed[T] = {0}, top = 0, sum = 0;
    char name[40];
    Pose before, now;
    pose_of(moves, before);
    for (int t = 1; t < T; t++) {
        const float *row = moves + t * MOTION_VALUES, *last = row - MOTION_VALUES;
        pose_of(row, now);
        for (int j = 0; j < MOTION_JOINTS; j++) {
            double v = step_of(now[j], before[j]) * MOTION_FPS;
            speed[t] += v / MOTION_JOINTS;
            top = MAX(top, v);
        }
        for (int side = 0; side < 2; side++)
            if (row[MOVES_CONTACT + side] > 0.5f && last[MOVES_CONTACT + side] > 0.5f) {
                snprintf(name, sizeof name, "%s_slide", what);
                train_metric_add(m, name, 100 * step_of(now[JOINT_L_TOE + side], before[JOINT_L_TOE + side]), 1);
            }
        sum += speed[t] / (T - 1);
        memcpy(before, now, sizeof now);
    }
    snprintf(name, sizeof name, "%s_top", what);
    train_metric_add(m, name, top, 1);
    snprintf(name, sizeof name, "%s_speed", what);
    train_metric_add(m, name, sum, 1);
    if (!has_beat(song, columns) || !has_beat(other, columns))
        return;
    snprintf(name, sizeof name, "%s_lock", what);
    train_metric_add(m, name, locking(speed, song, columns), 1);
    snprintf(name, sizeof name, "%s_lock_other", what);
    train_metric_add(m, name, locking(speed, other, columns), 1);
}

bool motion_draw_strip(Picture *p, const float *moves, Err *e)
{
    static const uint8_t bone[3] = {240, 240, 240}, left[3] = {255, 120, 90}, right[3] = {90, 170, 255};
    if (!picture_init(p, FIGURES * CELL, CELL, e))
        return false;
    for (int i = 0; i < p->w * p->h; i++)
        memcpy(p->rgba + 4 * i, (const uint8_t[]){30, 30, 30, 255}, 4);
    for (int k = 0; k < FIGURES; k++) {
        Pose pose;
        float at[MOTION_JOINTS][2];
        pose_of(moves + k * (T / FIGURES) * MOTION_VALUES, pose);
        for (int j = 0; j < MOTION_JOINTS; j++) {
            at[j][0] = (float)(k * CELL) + CELL / 2 + 45 * pose[j][0];
            at[j][1] = CELL / 2 - 45 * pose[j][1];
        }
        for (int b = 0; b < MOTION_BONES; b++) {
            const char *name = motion_joint_names[motion_bones[b].child];
            draw_line(p, at[motion_bones[b].parent], at[motion_bones[b].child],
                      name[0] == 'l'   ? left
                      : name[0] == 'r' ? right
                                       : bone);
        }
    }
    return true;
}
