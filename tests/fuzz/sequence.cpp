// Sequences of packets: the input is a program for clients, a server and the network between them.
#include "wire_world.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  orrery::fuzz::Input input(data, size);
  orrery::fuzz::WireWorld world(input.byte());
  for (int steps = 0; !input.empty() && steps < 400; ++steps) world.step(input);
  world.end();
  return 0;
}
