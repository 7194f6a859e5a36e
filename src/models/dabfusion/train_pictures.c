/* SPDX-License-Identifier: Apache-2.0
 *
 * What DabFusion's tasks share: the list of them, inputs and losses by name, colour jitter, pictures for samples/.
 */
#include "models/dabfusion/dabfusion_train.h"

#include <math.h>
#include <string.h>

const TrainTask *const dabfusion_tasks[] = {&lfae_task, &diffusion_task};
const int dabfusion_n_tasks = ARRAY_LEN(dabfusion_tasks);

Node *dabfusion_input(Graph *g, const TrainInput *in, int64_t batch, DType type)
{
    Shape s = {.n = in->row.n + 1, .d = {batch}};
    memcpy(s.d + 1, in->row.d, (size_t)in->row.n * sizeof s.d[0]);
    return graph_input(g, in->name, type, s);
}

Node *dabfusion_add_loss(Graph *g, Node *sum, const char *name, float factor, Node *loss)
{
    char output[48];
    snprintf(output, sizeof output, "loss:%s", name);
    graph_output(g, output, loss);
    Node *scaled = op_affine(g, loss, factor, 0);
    return sum ? op_add(g, sum, scaled) : scaled;
}

/* ---- colour jitter ----------------------------------------------------------------------------------------------- */

ColourJitter colour_jitter_draw(Rng *r, float brightness, float contrast, float saturation, float hue)
{
    ColourJitter j = {rng_range(r, 1 - brightness, 1 + brightness), rng_range(r, 1 - contrast, 1 + contrast),
                      rng_range(r, 1 - saturation, 1 + saturation), rng_range(r, -hue, hue), {0, 1, 2, 3}};
    for (int i = 3; i > 0; i--) {
        int k = rng_int(r, 0, i), keep = j.order[i];
        j.order[i] = j.order[k];
        j.order[k] = keep;
    }
    return j;
}

static float grey(const float *p) { return 0.2989f * p[0] + 0.587f * p[1] + 0.114f * p[2]; }

/* p moves away from `from` by factor f. */
static void blend(float *p, float from, float f)
{
    for (int c = 0; c < 3; c++)
        p[c] = CLAMP(f * p[c] + (1 - f) * from, 0.0f, 1.0f);
}

/* By HSV: the hue turns, saturation and value stay. */
static void turn_hue(float *p, float by)
{
    float hi = MAX(p[0], MAX(p[1], p[2])), lo = MIN(p[0], MIN(p[1], p[2])), range = hi - lo;
    if (range <= 0)
        return;
    float h = hi == p[0] ? (p[1] - p[2]) / range : hi == p[1] ? 2 + (p[2] - p[0]) / range : 4 + (p[0] - p[1]) / range;
    h = h / 6 + by;
    h -= floorf(h);
    for (int c = 0; c < 3; c++) { /* 5, 3, 1: distance of the channel's own hue */
        float k = fmodf((float)(5 - 2 * c) + h * 6, 6);
        p[c] = hi - range * CLAMP(MIN(k, 4 - k), 0.0f, 1.0f);
    }
}

void colour_jitter_apply(const ColourJitter *j, float *rgb, int64_t n)
{
    for (int step = 0; step < 4; step++) {
        double mean = 0;
        for (int64_t i = 0; i < n && j->order[step] == 1; i++)
            mean += grey(rgb + 3 * i);
        for (int64_t i = 0; i < n; i++) {
            float *p = rgb + 3 * i;
            switch (j->order[step]) {
            case 0: blend(p, 0, j->brightness); break;
            case 1: blend(p, (float)(mean / (double)n), j->contrast); break;
            case 2: blend(p, grey(p), j->saturation); break;
            default: turn_hue(p, j->hue);
            }
        }
    }
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

bool picture_of_floats(const float *x, int channels, int w, int h, Picture *out, Err *e)
{
    if (!picture_init(out, w, h, e))
        return false;
    for (int64_t i = 0; i < (int64_t)w * h; i++)
        for (int c = 0; c < 4; c++)
            out->rgba[4 * i + c] = c == 3 ? 255 : (uint8_t)lroundf(255 * CLAMP(x[i * channels + (channels == 3 ? c : 0)], 0.0f, 1.0f));
    return true;
}

bool picture_sheet(const Picture *pics, int n, int columns, const char *path, Err *e)
{
    Picture sheet = {0};
    bool ok = picture_contact_sheet(pics, n, columns, &sheet, e) && picture_save(&sheet, path, 100, e);
    picture_finish(&sheet);
    return ok;
}
