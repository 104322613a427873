// The metadata of a model file, read from its bytes: onnxruntime-web doesn't hand it out.
// An ONNX file is a protobuf message; its field 14 holds entries of a key (field 1) and a value (field 2).

const METADATA = 14, KEY = 1, VALUE = 2;
const VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5;

/** The contract of a model file, once its SHA-256 has proven it whole. `bytes` is a Uint8Array of all of it. */
export async function readContract(bytes) {
  const metadata = readMetadata(bytes);
  const contract = metadata.get("tlx.contract"), digest = metadata.get("tlx.digest");
  if (!contract || !digest) throw new Error("not a file that 'tlx export' made: it holds no tlx.contract");
  const zeroed = bytes.slice();
  zeroed.fill("0".charCodeAt(0), digest.start, digest.end);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", zeroed));
  const computed = [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (computed !== digest.text) throw new Error("the model file was damaged or changed after its export");
  return JSON.parse(contract.text);
}

function readMetadata(bytes) {
  const metadata = new Map(), decoder = new TextDecoder("utf-8", { fatal: true });
  for (const entry of fields(bytes, 0, bytes.length)) {
    if (entry.number !== METADATA) continue;
    const parts = [...fields(bytes, entry.start, entry.end)];
    const key = parts.findLast((part) => part.number === KEY), value = parts.findLast((part) => part.number === VALUE);
    if (!key || !value) continue;
    const name = decoder.decode(bytes.subarray(key.start, key.end));
    if (metadata.has(name)) throw new Error(`the metadata key ${name} comes twice`);
    metadata.set(name, { ...value, text: decoder.decode(bytes.subarray(value.start, value.end)) });
  }
  return metadata;
}

function* fields(bytes, start, end) {
  for (let at = start; at < end; ) {
    let tag, size;
    [tag, at] = varint(bytes, at);
    if ((tag & 7) === VARINT) [size, at] = [0, varint(bytes, at)[1]];
    else if ((tag & 7) === BYTES) [size, at] = varint(bytes, at);
    else size = { [FIXED64]: 8, [FIXED32]: 4 }[tag & 7];
    if (size === undefined || at + size > end) throw new Error("not a whole ONNX file");
    yield { number: Math.floor(tag / 8), start: at, end: at + size };
    at += size;
  }
}

function varint(bytes, at) {
  for (let value = 0, factor = 1; at < bytes.length && factor < 2 ** 70; factor *= 128) {
    const byte = bytes[at++];
    value += (byte & 127) * factor;
    if (byte < 128) return [value, at];
  }
  throw new Error("not a whole ONNX file");
}
