// Names for the headers that kernels include too: those hold declarations and plain data only, so that a kernel's object file takes
// nothing from the rest of the library.
#pragma once

namespace fastcnn {

class AlignedBlock;
class Attributes;
class Device;
class Shape;
struct Context;

}  // namespace fastcnn
