/* SPDX-License-Identifier: Apache-2.0
 *
 * Which joint of a BVH tree is which of ours. Names are cut into words (at separators and capitals), the side is taken
 * out, and what remains is looked up in a table of the names that Mixamo, CMU, Rokoko, SMPL, Unreal, Blender,
 * MakeHuman, AnimatedDrawings and 3ds Max use. The chest needs no name: it is where the arms branch off.
 */
#include "motion/motion.h"
#include "motion/motion_internal.h"

#include <ctype.h>
#include <string.h>

/* Names without side, in order of preference: a tree that has both Wrist and Hand turns its hand at the wrist; one that
 * has both Arm and Shoulder calls the collar bone Shoulder. For sided joints the left one is given. */
typedef struct Alias { int joint; const char *names; } Alias;
static const Alias aliases[] = {
    {JOINT_PELVIS, "hips pelvis hip root"},
    {JOINT_NECK, "neck neck1 lowerneck"},
    {JOINT_HEAD, "head"},
    {JOINT_L_SHOULDER, "arm upperarm uparm shldr humerus shoulder"},
    {JOINT_L_ELBOW, "forearm lowerarm lowarm elbow radius"},
    {JOINT_L_WRIST, "wrist hand"},
    {JOINT_L_HIP, "upleg upperleg thigh femur hip"},
    {JOINT_L_KNEE, "leg lowerleg lowleg shin calf tibia knee"},
    {JOINT_L_ANKLE, "ankle foot"},
    {JOINT_L_TOE, "toebase toe toes ball foot"},
};

enum { WORDS = 12 };
typedef struct Words { int n, side; char word[WORDS][BVH_NAME]; } Words; /* side: 0 none, 1 left, 2 right */

static bool boundary(const char *s, int i)
{
    if (i == 0 || !isupper((unsigned char)s[i]))
        return false;
    bool before_small = islower((unsigned char)s[i - 1]) || isdigit((unsigned char)s[i - 1]);
    return before_small || (isupper((unsigned char)s[i - 1]) && islower((unsigned char)s[i + 1]));
}

static void split(const char *name, Words *w)
{
    const char *colon = strrchr(name, ':');
    const char *s = colon ? colon + 1 : name;
    int n = 0, length = 0;
    memset(w, 0, sizeof *w);
    for (int i = 0; s[i] && n < WORDS; i++) {
        bool letter = isalnum((unsigned char)s[i]);
        if ((!letter || boundary(s, i)) && length > 0)
            n++, length = 0;
        if (letter && n < WORDS)
            w->word[n][length++] = (char)tolower((unsigned char)s[i]);
    }
    n = MIN(n + (length > 0), WORDS);
    int kept = 0;
    for (int i = 0; i < n; i++) {
        const char *x = w->word[i];
        int side = strcmp(x, "left") == 0 || strcmp(x, "l") == 0 ? 1 : strcmp(x, "right") == 0 || strcmp(x, "r") == 0
            ? 2 : 0;
        if (side)
            w->side = side;
        else if (kept++ != i)
            strcpy(w->word[kept - 1], x);
    }
    w->n = kept;
    if (w->n && !w->side && strncmp(w->word[0], "left", 4) == 0 && w->word[0][4]) {
        w->side = 1;
        memmove(w->word[0], w->word[0] + 4, strlen(w->word[0] + 4) + 1);
    } else if (w->n && !w->side && strncmp(w->word[0], "right", 5) == 0 && w->word[0][5]) {
        w->side = 2;
        memmove(w->word[0], w->word[0] + 5, strlen(w->word[0] + 5) + 1);
    }
    while (w->n > 1 && strspn(w->word[w->n - 1], "0123456789") == strlen(w->word[w->n - 1]))
        w->n--;
}

/* Place of `word` in a list divided by blanks; -1. */
static int place_in(const char *list, const char *word)
{
    size_t length = strlen(word);
    int place = 0;
    for (const char *s = list; *s; place++) {
        size_t n = strcspn(s, " ");
        if (n == length && memcmp(s, word, n) == 0)
            return place;
        s += n + (s[n] == ' ');
    }
    return -1;
}

static int rank_of(const Alias *a, const Words *w, bool sided)
{
    if (sided != (w->side != 0))
        return -1;
    for (int first = 0; first < w->n; first++) { /* what an exporter puts before the name is left out */
        char joined[WORDS * BVH_NAME] = "";
        for (int i = first; i < w->n; i++)
            strcat(joined, w->word[i]);
        for (size_t k = 0; k < ARRAY_LEN(aliases); k++) {
            int place = (aliases[k].joint >= JOINT_L_SHOULDER) == sided ? place_in(aliases[k].names, joined) : -1;
            if (place >= 0 && aliases[k].joint != a->joint && place_in(a->names, joined) < 0)
                return -1; /* the longest name that is known to us counts: "fore arm" is no arm */
            if (place >= 0 && aliases[k].joint == a->joint)
                return place;
        }
    }
    return -1;
}

static bool taken(const int joint[MOTION_JOINTS], int node)
{
    for (int j = 0; j < MOTION_JOINTS; j++)
        if (joint[j] == node)
            return true;
    return false;
}

static int find(const Alias *a, int side, const Words *words, const BvhNode *node, int n,
                const int joint[MOTION_JOINTS])
{
    int best = -1, best_rank = 1 << 20;
    for (int i = 0; i < n; i++) {
        if (node[i].end || taken(joint, i) || words[i].side != side)
            continue;
        int rank = rank_of(a, &words[i], side != 0);
        if (rank >= 0 && rank < best_rank)
            best = i, best_rank = rank;
    }
    return best;
}

static bool is_ancestor(const BvhNode *node, int of, int a)
{
    for (; of >= 0; of = node[of].parent)
        if (of == a)
            return true;
    return false;
}

/* The first End Site below node i through children without siblings' names; -1. */
static int end_below(const BvhNode *node, int n, int i)
{
    for (int k = i + 1; i >= 0 && k < n; k++)
        if (node[k].parent == i && node[k].end)
            return k;
    return -1;
}

static bool match_own(const BvhNode *node, int n, int joint[MOTION_JOINTS])
{
    int found = 0;
    for (int i = 0; i < n; i++) {
        int j = node[i].end ? -1 : motion_find_joint(node[i].name);
        if (j >= 0 && joint[j] < 0)
            joint[j] = i, found++;
    }
    return found == MOTION_JOINTS;
}

/* "lhand", "rfemur": the names of CMU's own skeleton. */
static void side_from_first_letter(Words *w)
{
    char first = w->n == 1 ? w->word[0][0] : 0;
    if (w->side || (first != 'l' && first != 'r'))
        return;
    for (size_t k = 0; k < ARRAY_LEN(aliases); k++)
        if (aliases[k].joint >= JOINT_L_SHOULDER && place_in(aliases[k].names, w->word[0] + 1) >= 0) {
            memmove(w->word[0], w->word[0] + 1, strlen(w->word[0]));
            w->side = first == 'l' ? 1 : 2;
            return;
        }
}

void bvh_match(const BvhNode *node, int n, int joint[MOTION_JOINTS])
{
    for (int j = 0; j < MOTION_JOINTS; j++)
        joint[j] = -1;
    if (match_own(node, n, joint))
        return;
    for (int j = 0; j < MOTION_JOINTS; j++)
        joint[j] = -1;
    Words *words = mem_alloc((size_t)n * sizeof *words);
    for (int i = 0; i < n; i++) {
        split(node[i].name, &words[i]);
        side_from_first_letter(&words[i]);
    }
    for (size_t k = 0; k < ARRAY_LEN(aliases); k++) {
        const Alias *a = &aliases[k];
        if (a->joint < JOINT_L_SHOULDER) {
            joint[a->joint] = find(a, 0, words, node, n, joint);
            continue;
        }
        joint[a->joint] = find(a, 1, words, node, n, joint);
        joint[motion_mirror_joint[a->joint]] = find(a, 2, words, node, n, joint);
    }
    mem_free(words);
    if (joint[JOINT_PELVIS] < 0)
        joint[JOINT_PELVIS] = 0;
    for (int c = joint[JOINT_L_SHOULDER]; c >= 0 && joint[JOINT_R_SHOULDER] >= 0; c = node[c].parent)
        if (is_ancestor(node, joint[JOINT_R_SHOULDER], c)) {
            joint[JOINT_CHEST] = taken(joint, c) ? -1 : c;
            break;
        }
    static const int ends[][2] = {{JOINT_L_WRIST, JOINT_L_ELBOW}, {JOINT_R_WRIST, JOINT_R_ELBOW},
                                  {JOINT_L_TOE, JOINT_L_ANKLE}, {JOINT_R_TOE, JOINT_R_ANKLE}, {JOINT_HEAD, JOINT_NECK}};
    for (size_t k = 0; k < ARRAY_LEN(ends); k++)
        if (joint[ends[k][0]] < 0)
            joint[ends[k][0]] = end_below(node, n, joint[ends[k][1]]);
}
