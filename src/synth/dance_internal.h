/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of choreography: vocabulary (dance_steps.c), body (dance_body.c).
 */
#ifndef JIG_SYNTH_DANCE_INTERNAL_H
#define JIG_SYNTH_DANCE_INTERNAL_H

#include "synth/moves_source.h"

/* ---- vocabulary (dance_steps.c): all told for the left side; counts begin at 0 ----------------------------------- */

/* A foot arrives somewhere: `at` counts after the beginning of the pattern, having left the floor `dur` counts
 * before. */
typedef struct FootStep {
    float at;
    uint8_t foot;      /* 0 left, 1 right */
    float x, z;        /* metres from the dancer's middle */
    float dur, arc;    /* counts; height of the step on its way */
    float air;         /* height where it arrives: 0 on the floor */
    float pitch;       /* heel up (+) or toe up (-), radians */
    float yaw;         /* toe out (+), radians */
    bool tap;          /* touches without taking weight */
} FootStep;

typedef struct LegPattern {
    const char *name;
    unsigned families;      /* bit f: for DanceFamily f */
    float lo, hi;           /* energies it is for */
    int counts;             /* it repeats after so many */
    bool three;             /* for bars of three */
    const FootStep *step;
    int n;
    float stance;           /* half the distance of the feet at home */
    float bounce, rate;     /* depth of the knees' bounce, m; bounces a count */
    float up;               /* 0: down on the count, 0.5: up */
    float sway;             /* weight from side to side, a turn in two counts */
    float bend;             /* knees bent all the time, m */
} LegPattern;
extern const LegPattern dance_legs[];
extern const int dance_legs_count;

/* Directions of upper arm and forearm in the frame of the rib cage: x outwards, y up, z to the front. */
typedef struct ArmPose { char code; float upper[3], fore[3]; } ArmPose;
const ArmPose *dance_arm_pose(char code);

typedef struct ArmPattern {
    const char *name;
    unsigned families;
    float lo, hi;
    float step;                /* counts a pose */
    const char *left, *right;  /* poses by code, '-' holds; repeated */
    float snap;                /* 0..1: part of the step that the way takes; small is sharp */
} ArmPattern;
extern const ArmPattern dance_arms[];
extern const int dance_arms_count;

typedef enum TrunkKind {
    TRUNK_NONE, TRUNK_GROOVE, TRUNK_HIP_SWAY, TRUNK_HIP_CIRCLE, TRUNK_SHIMMY, TRUNK_BODY_ROLL, TRUNK_CHEST_POP,
        TRUNK_TWIST,
    TRUNK_LEAN, TRUNK_BANG, TRUNK_KINDS
} TrunkKind;
typedef struct TrunkPattern { TrunkKind kind; unsigned families; float lo, hi; } TrunkPattern;
extern const TrunkPattern dance_trunks[];
extern const int dance_trunks_count;

/* ---- phrases (dance_phrase.c): what is danced when --------------------------------------------------------------- */
typedef struct Phrase {
    const LegPattern *legs;
    const ArmPattern *arms;
    TrunkKind trunk;
    bool mirrored;
    float size;          /* of the movements: energy and the dancer's own */
    float reach;         /* of the steps */
    float heading;       /* radians */
    float snap;          /* of trunk and hips: small is sharp */
    char accent[2];      /* arm poses struck on the last count; 0: none */
} Phrase;

/* A dancer to a song: what stays the same through the dance. */
typedef struct Dancer {
    const DanceBeats *beats;
    uint64_t seed;
    DanceFamily family;
    float size, sharpness;
    int metre, counts;        /* beats in a bar; counts in a phrase: 8, in three 12 */
    double beats_per_count;   /* 1; fast songs mostly 2 */
    double first_downbeat;    /* as a beat number */
    float arm_taste[128][6];  /* each dancer's own form of each arm pose */
} Dancer;

bool dancer_init(Dancer *d, const DanceBeats *b, const DanceOptions *o, Err *e);
double dancer_count_at(const Dancer *d, double seconds); /* counts since the first downbeat */
double dancer_time_of(const Dancer *d, double count);
void dancer_phrase(const Dancer *d, int k, Phrase *out);  /* the phrase of counts [k * counts, (k + 1) * counts) */

/* ---- body (dance_body.c) ----------------------------------------------------------------------------------------- */
typedef struct Foot {
    float x, y, z;     /* of the ball (toe joint); y 0 on the floor */
    float pitch, yaw;  /* heel up; toe towards +x */
    bool contact;
} Foot;

/* A pose as a dancer thinks of it. Angles in radians. */
typedef struct Body {
    Foot foot[2];              /* left, right */
    float x, z;                /* of the pelvis */
    float drop;                /* of the pelvis below standing height */
    float rise;                /* above it, in jumps */
    float yaw, roll, pitch;    /* of the pelvis: heading +left hand to the back; left hip up; forward */
    float twist, lean, bend;   /* of the rib cage against the pelvis: like yaw, to the left, forward */
    float shrug[2], reach[2];  /* shoulders up and forward, -1..1 */
    float head_yaw, head_nod, head_tilt;
    float upper[2][3], fore[2][3]; /* arms in the rib cage's frame, x outwards; need not be unit */
} Body;

void dance_body_rest(Body *b);
/* Positions of all joints; the pelvis comes down where a leg would not reach. */
void dance_body_pose(const Body *b, Pose out);

#endif
