/* SPDX-License-Identifier: Apache-2.0
 *
 * motion: how a body moves. The skeleton of 18 joints, clips of poses, the file forms DMOT and BVH, and moves: the
 * motion without a body (spec of the articulated model, sections 1, 2 and 6), with what is done to them: mirror,
 * retime, energy, loop, heading, feet that stand still. Layer 1: plain floats, knows no tensors and no pictures.
 *
 * Space: metres, y up, right-handed, the viewer at +z. A person who faces the viewer has the left hand at +x.
 * Angles are radians; a yaw (heading) of 0 faces the viewer, positive turns towards +x. Left and right are the person's
 * own.
 * Structs are filled by x_init or by whoever makes them and emptied by x_finish; `out` is overwritten, never freed
 * first.
 */
#ifndef JIG_MOTION_H
#define JIG_MOTION_H

#include "base/base.h"

/* ---- skeleton (skeleton.c) --------------------------------------------------------------------------------------- */
enum { MOTION_JOINTS = 18, MOTION_BONES = 17 };

typedef enum MotionJoint {
    JOINT_PELVIS, JOINT_CHEST, JOINT_NECK, JOINT_HEAD,
    JOINT_L_SHOULDER, JOINT_L_ELBOW, JOINT_L_WRIST, JOINT_R_SHOULDER, JOINT_R_ELBOW, JOINT_R_WRIST,
    JOINT_L_HIP, JOINT_L_KNEE, JOINT_L_ANKLE, JOINT_R_HIP, JOINT_R_KNEE, JOINT_R_ANKLE, JOINT_L_TOE, JOINT_R_TOE
} MotionJoint;

/* Named by the joint at their far end. Bone b goes from motion_bones[b].parent to .child; parents come before
 * children. */
typedef enum MotionBone {
    BONE_CHEST, BONE_NECK, BONE_HEAD,
    BONE_L_SHOULDER, BONE_L_ELBOW, BONE_L_WRIST, BONE_R_SHOULDER, BONE_R_ELBOW, BONE_R_WRIST,
    BONE_L_HIP, BONE_L_KNEE, BONE_L_ANKLE, BONE_L_TOE, BONE_R_HIP, BONE_R_KNEE, BONE_R_ANKLE, BONE_R_TOE
} MotionBone;

typedef float Pose[MOTION_JOINTS][3]; /* joint positions */

typedef struct BoneEnds { int parent, child; } BoneEnds;
extern const BoneEnds motion_bones[MOTION_BONES];
extern const int motion_parent[MOTION_JOINTS];       /* -1 for the pelvis */
extern const int motion_mirror_joint[MOTION_JOINTS]; /* the same joint of the other side */
extern const int motion_mirror_bone[MOTION_BONES];
extern const char *const motion_joint_names[MOTION_JOINTS]; /* "pelvis" ... "r_toe", as in DMOT files */

/* An adult standing at ease, facing the viewer, soles at y = 0, arms hanging; thigh + shin = 0.85 m. */
extern const Pose motion_rest;
#define MOTION_LEG 0.85f  /* thigh + shin of the canonical body */
#define MOTION_FPS 25     /* of moves */

int   motion_find_joint(const char *name);                              /* -1: no such joint */
void  pose_lengths(const Pose p, float length[MOTION_BONES]);
float motion_leg_length(const float length[MOTION_BONES]);              /* thigh + shin, mean of both legs */
/* unit; a bone without length gets the rest's */
void  pose_directions(const Pose p, float dir[MOTION_BONES][3]);
void  pose_walk(const float root[3], const float dir[MOTION_BONES][3], const float length[MOTION_BONES], Pose out);
void  pose_mirror(const Pose in, Pose out);                             /* swaps sides, negates x; out may not be in */
void  pose_turn(Pose p, float yaw);                                     /* about the vertical through the origin */
float pose_heading(const Pose p); /* yaw of hips and shoulders together, -pi..pi */
/* Left, up and front of pelvis (hips + spine) and rib cage (shoulders + upper spine); rows are unit and orthogonal. */
void  pose_pelvis_frame(const Pose p, float frame[3][3]);
void  pose_chest_frame(const Pose p, float frame[3][3]);

/* Two bones of lengths a and b from `root` to `target`, bending towards `pole` (a direction): the middle joint and the
 * end, which lies short of a target out of reach. `soft` (0..0.2) keeps the limb from ever snapping straight: it begins
 * to fall short at the fraction 1 - soft of its reach. */
void limb_solve(const float root[3], const float target[3], float a, float b, const float pole[3], float soft,
                float middle[3], float end[3]);

/* ---- clips (clip.c) ---------------------------------------------------------------------------------------------- */
typedef struct Clip {
    int frames;
    double fps;
    Pose *pose;    /* [frames] */
    char name[96];
} Clip;

enum { CLIP_MAX_FRAMES = 2000000 };

bool clip_init(Clip *c, int frames, double fps, Err *e); /* cleared poses; 1..2,000,000 frames, 1..1000 fps */
void clip_finish(Clip *c);
bool clip_cut(const Clip *in, int first, int count, Clip *out, Err *e);
/* Linear between frames; the first frame stays at time 0. count 0: round(frames * fps / in->fps). */
bool clip_resample(const Clip *in, double fps, int count, Clip *out, Err *e);
void clip_mean_lengths(const Clip *c, float length[MOTION_BONES]);
void clip_smooth(Clip *c, double sigma_frames); /* Gaussian over time, every coordinate */
/* Gaussian smoothing in place of n values `stride` apart; the ends go on as constants. */
void motion_smooth(float *x, int n, int stride, double sigma);
double clip_floor(const Clip *c);               /* 2nd percentile of the lowest foot joint's y */
/* The same motion on the canonical body: trunk, collar and hip bones keep their turns but start from motion_rest's
 * directions (captures disagree about where hips and shoulders are), limbs keep their directions, the middle of the
 * hips keeps its path in leg lengths; grounded. */
bool clip_to_canonical(const Clip *in, Clip *out, Err *e);

/* Frames with a joint faster than `speed` m/s. bad[frames] = 1 there and on both sides of the leap; returns how
 * many. */
int clip_find_glitches(const Clip *c, double speed, uint8_t *bad);

/* Pose hits: minima of the summed speed of wrists, ankles and pelvis (places, then speed smoothed by a Gaussian of 2
 * frames at 60 fps), prominence at least 0.25 of the speed's deviation, 0.2 s apart. *seconds is the caller's
 * (mem_free); depth (may be NULL) gets the speed at each hit over the clip's mean speed: small is a firm hit. */
int clip_find_hits(const Clip *c, double **seconds, float **depth);

/* ---- heading (heading.c) --------------------------------------------------------------------------------------------
 * Turning a frame by a changing angle turns its steps too: the path is integrated from turned steps, so the dancer
 * keeps walking the way he faces. */
void clip_headings(const Clip *c, float *yaw);    /* [frames] unwrapped, smoothed over 0.1 s */
void clip_turn(Clip *c, float yaw);               /* all frames about the vertical through the origin */
void clip_face_viewer(Clip *c);                   /* so that the mean heading is 0 */
/* Faces the viewer and keeps the heading within ±limit: identity near 0, and smooth. Returns the range of the heading
 * before (radians): a window that turns further than pi or so is better left out. */
float clip_limit_heading(Clip *c, float limit);

/* ---- feet (feet.c) --------------------------------------------------------------------------------------------------
 * Contact is about the ball of the foot (the toe joint): low over the floor and slow. [frames][2], left and right, 0
 * or 1. */
typedef float Contacts[2];

/* Puts the floor to y = 0, also where it drifts: the lowest foot within 0.6 s, smoothed. */
void clip_ground(Clip *c);
void clip_find_contacts(const Clip *c, Contacts *contact);
/* Holds each foot in contact where it stands, by a smooth shift of the root and two-bone inverse kinematics of the
 * legs. The toe of a foot in contact then moves less than a millimetre; legs keep their lengths. Feet never sink
 * below `floor`. */
void clip_fix_feet(Clip *c, const Contacts *contact, float floor);
/* Mean over contacts of how far the toe gets from where the contact began, metres; worst (may be NULL) is the
 * largest. */
float clip_foot_slide(const Clip *c, const Contacts *contact, float *worst);

/* ---- DMOT (dmot.c): joints, ready to draw ------------------------------------------------------------------------ */
bool clip_read_dmot(Clip *c, const char *path, Err *e);
bool clip_parse_dmot(Clip *c, const void *data, size_t size, const char *name, Err *e);
bool clip_write_dmot(const Clip *c, const char *path, Err *e);

/* ---- BVH (bvh_read.c, bvh_names.c, bvh_write.c) ---------------------------------------------------------------------
 * In: any tree, any order of channels; joints are found by the names of Mixamo, CMU, Rokoko, AnimatedDrawings, Blender
 * and our own (the message lists what is missing). A missing toe, neck or chest is put where it must be.
 * Out: one node per joint plus a node of no length before bones that share a start, so that turning each by the least
 * rotation gives every joint's position; centimetres, mean bone lengths of the clip. Errors name the line. */
typedef enum BvhUp { BVH_UP_AUTO, BVH_UP_Y, BVH_UP_Z } BvhUp;
typedef struct BvhOptions {
    BvhUp up;          /* AUTO: the axis along which the heads are above the feet */
    /* scale so that thigh + shin is this; 0 = MOTION_LEG; negative: units of the file times -leg_length */
    float leg_length;
} BvhOptions;

bool clip_read_bvh(Clip *c, const char *path, const BvhOptions *o, Err *e); /* o NULL: all zero */
bool clip_parse_bvh(Clip *c, const char *text, size_t size, const char *name, const BvhOptions *o, Err *e);
bool clip_write_bvh(const Clip *c, const char *path, Err *e);
/* Either form, by content. */
bool clip_read(Clip *c, const char *path, Err *e);

/* ---- moves (moves.c, moves_edit.c, moves_time.c) --------------------------------------------------------------------
 * Motion without a body. Row: root shift from the first frame in leg lengths (3), unit directions of the 17 bones (51),
 * contact of left and right foot (2). 25 frames a second. The beat grid the moves were made for goes with them. */
enum { MOVES_ROOT = 0, MOVES_BONES = 3, MOVES_CONTACT = 54, MOVES_WIDTH = 56 };
typedef float MovesRow[MOVES_WIDTH];

typedef struct Moves {
    int frames;
    MovesRow *row;     /* [frames] */
    int beats;         /* 0: no grid */
    double *beat;      /* [beats] seconds, rising */
    int *beat_in_bar;  /* [beats] 1 = downbeat */
} Moves;

bool moves_init(Moves *m, int frames, Err *e); /* rest pose, both feet in contact */
void moves_finish(Moves *m);
bool moves_copy(const Moves *in, Moves *out, Err *e);
/* root relative to the new first frame; beats moved */
bool moves_cut(const Moves *in, int first, int count, Moves *out, Err *e);
/* copies; beat_in_bar NULL: all 1..4 */
void moves_set_beats(Moves *m, const double *beat, const int *beat_in_bar, int n);
/* finite, directions of length 0.2..5, beats rising: for moves from files */
bool moves_check(const Moves *m, Err *e);

/* Resampled to 25 fps; contacts are found in the clip. The body's own directions: captures of other skeletons become
 * comparable by clip_to_canonical first. */
bool moves_from_clip(const Clip *c, Moves *out, Err *e);
bool moves_from_poses(const Clip *c, const Contacts *contact, Moves *out, Err *e); /* c at 25 fps, contacts known */
/* Walks the bones with these lengths (NULL: the canonical body's); feet come to stand on y = 0 and are held where they
 * are in contact (clip_fix_feet). 25 fps. */
bool moves_to_clip(const Moves *m, const float length[MOTION_BONES], Clip *out, Err *e);
/* One frame, root relative to the pelvis of frame 0 at the origin, nothing held. */
void moves_pose(const MovesRow row, const float length[MOTION_BONES], Pose out);

void moves_normalise(Moves *m);               /* directions to unit length, contacts to 0..1 */
void moves_mirror(Moves *m);
void moves_turn(Moves *m, float yaw);         /* adds to the heading of all frames */
float moves_heading(const MovesRow row);
void moves_limit_heading(Moves *m, float limit); /* slow and smooth, steps turned with the body */
/* Deviation from a slow mean (Gaussian, 1 s) times factor; factor[frames], or NULL for `all` everywhere. Range 0..3. */
void moves_scale_energy(Moves *m, const float *factor, float all);

/* Resampling at frames that lie between frames: at[count] in frames of `in`, rising, clamped to its ends. */
bool moves_resample(const Moves *in, const double *at, int count, Moves *out, Err *e);
/* Beat i of `from` comes to beat i of `to` (seconds; at least two each; the shorter grid goes on with its last
 * interval).
 * out has `to` as its grid and ends where the moves end. */
bool moves_retime(const Moves *in, const double *from, int n_from, const double *to, int n_to, Moves *out, Err *e);

/* Takes the leap at frame `at` out by inertia: what jumps there dies away over `frames` frames after it. */
void moves_smooth_seam(Moves *m, int at, int frames);
/* The piece [*first, *first + *count) of at least min_frames whose end is nearest to its beginning in pose and speed
 * and which begins and ends at the same place in the bar (anywhere without a grid). The longest among about equally
 * good ones. */
bool moves_find_loop(const Moves *m, int min_frames, int *first, int *count, Err *e);
/* Bends the last `fade` frames so that the end flows into frame 0: pose, speed and place. */
void moves_close_loop(Moves *m, int fade);

/* Fastest joint, metres per second on the canonical body. */
float moves_top_speed(const Moves *m);

/* ---- folders of clips (clip_index.c) ----------------------------------------------------------------------------- */
typedef enum ClipFamily { CLIP_G1, CLIP_CMU, CLIP_ROKOKO, CLIP_GESTURE, CLIP_OTHER } ClipFamily;

typedef struct ClipEntry {
    char *path;        /* the file */
    char *name;        /* relative to the folder */
    ClipFamily family; /* by folder: g1*, cmu*, rokoko*; a BVH elsewhere is a gesture */
    bool held_out;     /* one of the clips of data/README.md section 5 */
    int n_bad;
    double (*bad)[2];  /* [n_bad] seconds from, to; from index.tsv */
    int n_hits;
    double *hit;       /* [n_hits] seconds; from hits.tsv; none there: 0 (find them in the clip) */
} ClipEntry;

typedef struct ClipIndex { int n; ClipEntry *entry; Arena *arena; } ClipIndex;

/* All *.dmot and *.bvh in the folder and its sub-folders, sorted by name, with what index.tsv and hits.tsv say of them
 * where these exist. A folder without clips is an error. */
bool clip_index_read(ClipIndex *x, const char *folder, Err *e);
void clip_index_finish(ClipIndex *x);
bool clip_is_held_out(const char *name); /* compares the file's own name, without folders and ending */

#endif
