// A set of images in the device's memory, from which the graph itself takes its batches: what travels in a step is four integers per image.
//
//   const io::ImageView view = data.train.view().augmented({.shift = 2});
//   const io::ResidentImages train = io::resident_images(graph, view, "train");
//   const Output loss = nn::sparse_softmax_loss(train.labels, model(train.images));
//   ...
//   for (const io::BatchChoices& batch : view.shuffled(epoch).batched(128).choices())
//     session.run({{train.choices, batch.values}}, {loss}, {step});
//
// The batches have the bits of those that view.shuffled(epoch).batched(128) itself makes.
#pragma once

#include "gradus/graph/graph.h"
#include "gradus/io/data/batches.h"

namespace gradus::io {

struct ResidentImages {
  Output choices;  // int32 [?,4], a placeholder: BatchChoices::values
  Output images;   // float32 [?,H,W,C]
  Output labels;   // int32 [?]
};

// Adds the set, as constants of the graph, and what chooses from it (GatherImages, Gather). The constants share the set's memory, which must
// not be changed any more; each device where they are used gets one copy per session. How images are normalised and filled is that of
// the view's augmentation, and must be so of the view that makes the choices; its order and the rest of the augmentation come with these.
// Nodes are called "NAME/choices", "NAME/images" and so on. A graph file (to_json) holds the set, checkpoints do not.
// Throws InvalidArgument for a set without images, and what GatherImages throws; a choice of another set that is not within this one is
// OutOfRange when the graph runs, a set that is larger than the device's memory ResourceExhausted.
ResidentImages resident_images(Graph& graph, const ImageView& view, At at = "resident_images");

}  // namespace gradus::io
