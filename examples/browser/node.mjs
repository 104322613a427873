// node node.mjs MODEL.onnx PIXELS.rgb: one JSON line for each picture.
// PIXELS.rgb holds raw RGB pixels of the model's size, one picture after the other. For a photo (150 x 150 here):
//   ffmpeg -i photo.jpg -vf scale=150:150:flags=area -pix_fmt rgb24 -f rawvideo pixels.rgb

import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";
import { classify, loadModel } from "./classify.js";

const [modelPath, pixelsPath] = process.argv.slice(2);
const model = await loadModel(ort, new Uint8Array(readFileSync(modelPath)));
const pixels = new Uint8Array(readFileSync(pixelsPath));
const [height, width] = model.contract.input.size_hw, size = height * width * 3;
for (let start = 0; start + size <= pixels.length; start += size)
  console.log(JSON.stringify(await classify(model, pixels.slice(start, start + size))));
