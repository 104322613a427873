// From pixels to a label with onnxruntime-web and a file that `tlx export` made. For pages and for Node.js.

import { readContract } from "./contract.js";

/** Make a model ready. `ort` is onnxruntime-web, `bytes` a Uint8Array of the whole file. */
export async function loadModel(ort, bytes) {
  const contract = await readContract(bytes);
  if (contract.schema !== 1) throw new Error(`contract of schema ${contract.schema}: this example knows 1`);
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  return { ort, contract, session };
}

/** Classify one picture: `pixels` is a Uint8Array of RGB, three bytes a pixel, of the contract's size. */
export async function classify({ ort, contract, session }, pixels) {
  const { input, output, labels, threshold } = contract;
  const image = new ort.Tensor("uint8", pixels, [1, ...input.size_hw, 3]);
  const results = await session.run({ [input.name]: image });
  const probabilities = [...results[output.name].data];
  const likeliest = probabilities.indexOf(Math.max(...probabilities));
  const chosen = labels.length === 2 ? Number(probabilities[1] >= threshold) : likeliest;
  return { label: labels[chosen], probability: probabilities[chosen], probabilities };
}
