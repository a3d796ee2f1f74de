// The kernels that are right, with what they compute checked: each returns whether it did.
#pragma once

bool block_sums_are_right();
bool transpose_is_right();
bool ordered_lanes_are_right();
bool shuffles_are_right();
bool votes_are_right();
bool atomics_are_right();
