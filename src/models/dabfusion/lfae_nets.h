/* SPDX-License-Identifier: Apache-2.0
 *
 * The LFAE's rows in the list of networks that run alone (dabfusion_nets.c). Private to models/dabfusion.
 */
#ifndef JIG_LFAE_NETS_H
#define JIG_LFAE_NETS_H

#include "models/dabfusion/dabfusion.h"

extern const NetClass region_predictor_class, bg_predictor_class, pixelwise_flow_class, lfae_class;

#endif
