/* SPDX-License-Identifier: Apache-2.0
 *
 * Composes the bundled song: ten seconds of disco at 112 beats a minute, by the project's own composer, so that it belongs to
 * the project.
 *
 *     compose_demo demo.wav && ffmpeg -i demo.wav -c:a libvorbis -q:a 4 demo.ogg
 */
#include "media/media.h"
#include "synth/song.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 5) {
        fprintf(stderr, "usage: compose_demo SONG.wav [SEED STYLE SECONDS]\n");
        return 2;
    }
    SongOptions o = {.seed = 7, .seconds = 10.2, .tempo = 112, .style = MUSIC_DISCO, .rate = 44100, .channels = 2, .steady = true};
    if (argc == 5) o.seed = strtoull(argv[2], NULL, 10), o.style = atoi(argv[3]), o.seconds = atof(argv[4]);
    Song song = {0};
    Err e = {0};
    bool ok = song_compose(&o, &song, &e);
    Sound s = {.rate = song.rate, .channels = song.channels, .frames = song.frames, .samples = song.samples};
    ok = ok && sound_save_wav(&s, argv[1], 16, &e);
    if (ok) printf("%s: %s, %.1f beats a minute, %d beats\n", argv[1], music_style_name(song.style), song.tempo, song.beats);
    song_finish(&song);
    if (!ok) fprintf(stderr, "compose_demo: %s\n", e.text);
    return ok ? 0 : 1;
}
