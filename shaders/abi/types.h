// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_TYPES_H
#define PD_ABI_TYPES_H

/* The interface between kernels and the code that dispatches them, in words that C and GLSL share:
 * both include each header of this folder, so that a difference does not compile.
 *
 *   PD_CONSTANT (NAME, value);
 *   PD_STRUCT (PdName) { … };
 *   PD_PUSH (PdNamePush) { … } PD_PUSH_END       push constants; "push" in GLSL
 *   PD_ENUM PD_VALUE (NAME, value) … PD_ENUM_END (PdName)
 *
 * Push constants are laid out as std430 has it, which for scalars is as C has it: at most 128
 * bytes; 64-bit members come first. */
#ifdef __STDC__
#include <stdint.h>

typedef unsigned int uint;
#define PD_CONSTANT(name, value)                                                                   \
  enum                                                                                             \
  {                                                                                                \
    name = value                                                                                   \
  }
#define PD_STRUCT(name)                                                                            \
  typedef struct name name;                                                                        \
  struct name
#define PD_PUSH(name) PD_STRUCT (name)
#define PD_PUSH_END ;
#define PD_ENUM                                                                                    \
  typedef enum                                                                                     \
  {
#define PD_VALUE(name, value) name = value,
#define PD_ENUM_END(name)                                                                          \
  }                                                                                                \
  name;
#else
#define PD_CONSTANT(name, value) const uint name = value
#define PD_STRUCT(name) struct name
#define PD_PUSH(name) layout (push_constant) uniform Push
#define PD_PUSH_END push;
#define PD_ENUM
#define PD_VALUE(name, value) const uint name = value;
#define PD_ENUM_END(name)
#endif

#endif
