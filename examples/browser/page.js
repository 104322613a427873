// What index.html does: a model and photos, from the visitor's disk or by ?model=URL&photo=URL, never sent anywhere.

import * as ort from "onnxruntime-web";
import { classify, loadModel } from "./classify.js";
import { resize } from "./resize.js";

const say = (text) => (document.querySelector("output").textContent = text);
let model, photo;

/** EXIF-turned RGB pixels, transparent ones on white. */
async function decode(blob) {
  const bitmap = await createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  const { data: rgba } = context.getImageData(0, 0, width, height);
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4)
    for (let c = 0; c < 3; c++) data[to++] = rgba[from + c];
  return { data, width, height };
}

async function show() {
  if (!model || !photo) return say(model ? "Now a photo." : "Now a model.");
  const { input, resize: how } = model.contract;
  const [height, width] = input.size_hw;
  const pixels = resize(await decode(photo), width, height, how.method);
  const started = performance.now();
  const answer = await classify(model, pixels);
  const took = performance.now() - started;
  say(`${answer.label} (${(100 * answer.probability).toFixed(1)} %), ${took.toFixed(0)} ms`);
  window.answer = answer;
}

async function attempt(step) {
  try {
    await step();
    await show();
  } catch (error) {
    say(String(error.message ?? error));
    window.answer = { error: String(error.message ?? error) };
  }
}

const take = {
  model: async (blob) => (model = await loadModel(ort, new Uint8Array(await blob.arrayBuffer()))),
  photo: async (blob) => (photo = blob),
};
for (const [name, step] of Object.entries(take)) {
  const field = document.querySelector(`#${name}`);
  field.addEventListener("change", () => field.files[0] && attempt(() => step(field.files[0])));
}
const asked = new URLSearchParams(location.search);
if (asked.has("model") && asked.has("photo"))
  attempt(async () => {
    for (const [name, step] of Object.entries(take)) {
      const response = await fetch(asked.get(name));
      if (!response.ok) throw new Error(`${asked.get(name)}: ${response.status} ${response.statusText}`);
      await step(await response.blob());
    }
  });
