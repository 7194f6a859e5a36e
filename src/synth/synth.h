/* SPDX-License-Identifier: Apache-2.0
 *
 * synth: rendered dancers with exact truth. Pairs of pictures of one figure before one place for the networks of the
 * articulated model (spec/articulated.md sections 3-5, 7), and whole training clips with song, beats, moves and flow
 * (`jig synth`). Everything is made from seed + index, on any number of threads, with or without folders of looks.
 *
 * Files, in the order of the work: looks (what is in the folders), figure (who; body: BODY1 files, drawn_body, puppet),
 * pose_bank and poses, scene (all choices), skin (pose to mesh), raster and shade (mesh to pixels and flow), place and
 * room (backgrounds), shadow, style, render (one picture), degrade, pair; training_clip and training_set. Songs, dances
 * and captured motion on the beat: song.h, moves_source.h.
 *
 * Pictures: rows from the top, [H][W][C], H = W = size. Continuous coordinates: origin at the outer corner of the top
 * left pixel, x right, y down; the centre of pixel (column j, row i) is (j + 0.5, i + 0.5).
 * Left and right are always the person's own.
 */
#ifndef JIG_SYNTH_H
#define JIG_SYNTH_H

#include "base/base.h"

/* ---- labels ------------------------------------------------------------------------------------------------------ */
typedef enum SynthPart {
    PART_NONE, /* background, and any second person */
    PART_HEAD, /* with hair, hat and neck */
    PART_TRUNK, /* with skirt and coat tails */
    PART_L_UPPER_ARM, PART_L_FOREARM, PART_L_HAND,
    PART_R_UPPER_ARM, PART_R_FOREARM, PART_R_HAND,
    PART_L_THIGH, PART_L_SHIN, PART_L_FOOT,
    PART_R_THIGH, PART_R_SHIN, PART_R_FOOT,
    SYNTH_PARTS /* 15 */
} SynthPart;

enum { SYNTH_JOINTS = 18 }; /* names and order of DMOT: motion/motion.h */

typedef enum SynthLook { LOOK_BODY, LOOK_DRAWN_BODY, LOOK_PUPPET, LOOK_SILHOUETTE, LOOK_BLUE_SCREEN } SynthLook;
typedef enum SynthStyle { STYLE_PHOTO, STYLE_FLAT, STYLE_INK, STYLE_POSTER } SynthStyle;
typedef enum SynthFraming { FRAME_WHOLE, FRAME_SMALL, FRAME_BUST, FRAME_HALF, FRAME_OFF_CENTRE } SynthFraming;

/* ---- pairs for the networks (pair.c) ----------------------------------------------------------------------------- */
typedef struct SynthOptions {
    const char *looks;   /* folder with bodies/ figures/ backgrounds/ fabrics/ (each optional); NULL: all by code */
    const char *motion;  /* folder of clips (*.dmot, *.bvh, sub-folders too); NULL: poses by code */
    const char *puppets; /* folder of characters (NAME/char_cfg.yaml, texture.png, mask.png); NULL: none */
    bool held_out;       /* false: everything but the held-out looks, places and clips; true: only these.
                          * Held out: every tenth body, figure, character and place by name (index % 10 == 9 in
                          * sorted order; the views of a place count as one, a cut-out goes with the body of its
                          * name), and the clips of data/README.md section 5. */
    int size;            /* of the pictures: 32..1024, a multiple of 4 */
    uint64_t seed;
} SynthOptions;

typedef struct SynthSource SynthSource;

/* One picture of the figure. The arrays belong to the SynthPair. */
typedef struct SynthPicture {
    uint8_t *rgb;   /* [H][W][3] figure over place */
    uint8_t *alpha; /* [H][W] coverage by the main figure, 255 = all */
    uint8_t *parts; /* [H][W] SynthPart of the main figure; PART_NONE where alpha < 128 */
    float   joints[SYNTH_JOINTS][3]; /* x, y in pixels; depth from the pelvis in body heights, + towards the viewer */
    uint8_t present[SYNTH_JOINTS];   /* 1: inside the picture (also when hidden by another part) */
    uint8_t seen[SYNTH_JOINTS];      /* 1: present, and the flesh around the joint is what the pixel there shows */
} SynthPicture;

typedef struct SynthPair {
    int size;
    SynthPicture source; /* what a user would bring: with blur, noise, JPEG */
    SynthPicture target; /* same figure, camera, place, light and colours; without noise and JPEG */
    uint8_t *background; /* [H][W][3] the place without the figure and its shadow, in the target's colours */
    float   *flow;       /* [H][W][2] target pixel -> source: target(x, y) shows source(x + flow[0], y + flow[1]);
                          * true also where the point is hidden in the source; 0 outside the target figure */
    uint8_t *visible;    /* [H][W] 1: that point of the body is seen in the source; 0: hidden, outside, no figure */
    SynthLook look;
    SynthStyle style;
    SynthFraming framing;
    float body_height;   /* pixels from sole to crown of the standing figure at the pelvis' depth */
    bool second_person;  /* another figure stands in the place (part of the background; never labelled) */
    char figure[64], place[64]; /* names, for listings */
    struct SynthWork *work; /* scratch of the renderer */
} SynthPair;

/* Reads names and small files now, pictures when first used. Fails on a folder that cannot be read or holds nothing
 * usable, and names a broken file. Shared by threads: synth_pair and synth_picture may be called at once, each with its
 * own SynthPair. */
SynthSource *synth_open(const SynthOptions *o, Err *e);
void synth_close(SynthSource *s);
/* Files that turn out unusable when first read are left out with a warning in the log. The first error; false: none. */
bool synth_trouble(SynthSource *s, Err *e);

void synth_pair_init(SynthPair *p, int size);
void synth_pair_finish(SynthPair *p);

/* Pair `index` of this seed: always the same pixels. False only when hardly any file can be read; see synth_trouble. */
bool synth_pair(SynthSource *s, uint64_t index, SynthPair *out);
/* Only the source of that same pair (rgb, alpha, parts, joints, present, seen): about half the work. */
bool synth_picture(SynthSource *s, uint64_t index, SynthPair *out);

/* ---- training clips: `jig synth -o DIR` (training_set.c, training_clip.c) -------------------------------------------
 * DIR/metadata.jsonl   a row a clip: file_name, music, beats, pose, flow, mask (paths in DIR), caption, seconds, tempo,
 *                      family, energy, figure, style, place, clip (the captured motion; empty: composed)
 * DIR/synth.json       the options; going on in a folder with others is an error, only `clips` may change
 * DIR/clips/, of each clip, from 00000 on:
 *   .mp4     size x size, 25 frames a second, with its sound; first frame = reference picture; the camera is still
 *   .wav     the song of just that time
 *   .beats   its beats, exact; none for idle clips
 *   .pose.safetensors   joints [T,18,3] f32 (as SynthPicture.joints), present [T,18] u8, moves [T,56] f32 (motion.h)
 *   .flow.safetensors   when flow_size > 0, h = w = flow_size:
 *                       flow [T,h,w,2] f16: frame t -> frame 0, mean over the cell, in pixels (as SynthPair.flow)
 *                       visible [T,h,w] u8: 1 = seen in frame 0; mask [T,h,w] u8: coverage by the dancer, 255 = all
 *                       parts [T,h,w] u8: SynthPart; background [H,W,3] u8: the place without the dancer
 *   .json    the row; written last: a clip without it is made anew */
typedef struct SynthSetOptions {
    const char *looks, *motion, *gestures, *puppets, *samples; /* folders; NULL: by code */
    int64_t clips, size, flow_size, seed;
    double seconds_min, seconds_max;
    bool held_out;
} SynthSetOptions;
extern const OptTable synth_set_options;

/* Writes the set, several clips at once; clips that are complete are kept. The same options give the same clips on any
 * number of threads. */
bool synth_write_set(const SynthSetOptions *o, const char *dir, const Progress *p, Err *e);

#endif
