// The names in a graph. Apart from graph.h, which every program includes.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

namespace gradus {

class Node;

struct GraphNames {
  std::unordered_map<std::string_view, Node*> nodes;  // by their names, which they keep
  // How often a name was asked for ("conv"), and a scope's ("block1/"): the number that the next one gets.
  std::unordered_map<std::string, int> counts;
};

}  // namespace gradus
