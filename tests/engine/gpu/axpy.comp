// SPDX-License-Identifier: GPL-3.0-or-later
// y[i] = a * x[i] + y[i] + OFFSET: every run of it shows in the result. Needs no optional feature.
#version 450

layout (local_size_x_id = 0) in;
layout (constant_id = 1) const uint OFFSET = 0;

layout (push_constant) uniform Push
{
  float a;
  uint n;
} push;

layout (std430, binding = 0) readonly buffer X
{
  float x[];
};

layout (std430, binding = 1) buffer Y
{
  float y[];
};

void
main ()
{
  uint i = gl_GlobalInvocationID.x;

  if (i < push.n)
    y[i] += push.a * x[i] + float (OFFSET);
}
