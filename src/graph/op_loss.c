/* SPDX-License-Identifier: Apache-2.0
 *
 * Losses: f32 scalars [1], composed of the other ops and computed in f32. Means run over all elements of x, also where
 * the weight is 0. The target gets a gradient like any value (op_stop it when it is computed).
 */
#include "graph/graph_internal.h"

static Node *f32(Graph *g, Node *x)
{
    return op_cast(g, x, JIG_F32);
}

static Node *weighted_mean(Graph *g, Node *x, Node *weight)
{
    return op_mean_all(g, weight ? op_mul(g, x, f32(g, weight)) : x);
}

static bool same_shape(Graph *g, const char *loss, const Node *x, const Node *target)
{
    char xs[96], ts[96];
    if (!x || !target) return false;
    if (shape_equal(x->t.shape, target->t.shape)) return true;
    return graph_fail(g, "%s: got %s and target %s, expected equal shapes", loss, shape_text(x->t.shape, xs),
                      shape_text(target->t.shape, ts));
}

Node *op_loss_l1(Graph *g, Node *x, Node *target, Node *weight)
{
    if (!same_shape(g, "l1 loss", x, target)) return NULL;
    return weighted_mean(g, op_act(g, ACT_ABS, op_sub(g, f32(g, x), f32(g, target))), weight);
}

Node *op_loss_mse(Graph *g, Node *x, Node *target, Node *weight)
{
    if (!same_shape(g, "mse loss", x, target)) return NULL;
    return weighted_mean(g, op_act(g, ACT_SQUARE, op_sub(g, f32(g, x), f32(g, target))), weight);
}

/* max(x, 0) - x t + log(1 + exp(-|x|)) = softplus(x) - x t */
Node *op_loss_bce(Graph *g, Node *logits, Node *target, Node *weight)
{
    if (!same_shape(g, "bce loss", logits, target)) return NULL;
    Node *x = f32(g, logits);
    return weighted_mean(g, op_sub(g, op_act(g, ACT_SOFTPLUS, x), op_mul(g, x, f32(g, target))), weight);
}

Node *op_loss_xent(Graph *g, Node *logits, Node *target, int axis, Node *weight)
{
    if (!same_shape(g, "cross entropy", logits, target) || (axis = op_axis(g, "cross entropy", logits, axis)) < 0)
        return NULL;
    Node *each = op_mul(g, f32(g, target), op_log_softmax(g, f32(g, logits), axis));
    return op_affine(g, weighted_mean(g, op_sum(g, each, 1u << axis), weight), -1, 0);
}
