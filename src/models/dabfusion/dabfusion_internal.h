/* SPDX-License-Identifier: Apache-2.0
 *
 * The model as the files of its video side see it. Private to models/dabfusion.
 */
#ifndef JIG_DABFUSION_INTERNAL_H
#define JIG_DABFUSION_INTERNAL_H

#include "data/data.h"
#include "diffusion/diffusion.h"
#include "models/dabfusion/dabfusion_model.h"
#include "models/dabfusion/diffusion_config.h"
#include "models/dabfusion/teacher.h"

struct DabfusionModel {
    const Device *device;
    LfaeRunner *lfae;
    SafeTensors *file;
    DiffusionConfig config;
    ParamSet *ps;
    FlowUnet *net;
    Schedule schedule;
    Graph *picture, *step; /* z's part of the first convolution; one evaluation of the U-Net */
    DataBox box;
    double rate; /* multiply-adds x 2 a second, measured by dabfusion_look */
};

bool dabfusion_plan(DabfusionModel *m, Err *e); /* makes both graphs */

#endif
