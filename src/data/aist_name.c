/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of the AIST Dance Video Database (Tsuchida et al. 2019): genre, situation, camera, dancer, song, choreography; and
 * the songs of the cross-modal test split of AIST++ (Li et al. 2021).
 */
#include "data/data.h"

#include <ctype.h>
#include <string.h>

const char *const aist_genres[AIST_GENRES] = {"break",        "pop",  "lock",  "middle hip-hop", "LA hip-hop",
                                              "house", "waack", "krump", "street jazz",    "ballet jazz"};
static const char letters[AIST_GENRES][3] = {"BR", "PO", "LO", "MH", "LH", "HO", "WA", "KR", "JS", "JB"};
enum { HOUSE = 5 };

static int genre_of(const char *two)
{
    for (int i = 0; i < AIST_GENRES; i++)
        if (!strncmp(letters[i], two, 2))
            return i;
    return -1;
}

bool aist_parse(const char *file_name, AistName *out)
{
    const char *slash = strrchr(file_name, '/'), *name = slash ? slash + 1 : file_name;
    char genre[3], song[3];
    AistName a = {0};
    int end = 0;
    if (sscanf(name, "g%2[A-Z]_s%2[A-Z]_c%2d_d%2d_m%2[A-Z]%1d_ch%2d%n", genre, a.situation, &a.camera, &a.dancer, song,
               &a.song_index, &a.choreography, &end) != 7 || isalnum((unsigned char)name[end]))
        return false;
    a.genre = genre_of(genre);
    int of_song = genre_of(song);
    if (a.genre < 0 || of_song < 0 || a.song_index > 5)
        return false;
    snprintf(a.song, sizeof a.song, "m%s%d", song, a.song_index);
    a.tempo = of_song == HOUSE ? 110 + 5 * a.song_index : 80 + 10 * a.song_index;
    *out = a;
    return true;
}

bool aist_is_test_song(const char *song)
{
    static const char *const test[] = {"mBR0", "mHO5", "mJB5", "mJS3", "mKR2", "mLH4", "mLO2", "mMH3", "mPO1", "mWA0"};
    for (size_t i = 0; i < ARRAY_LEN(test); i++)
        if (!strcmp(test[i], song))
            return true;
    return false;
}
