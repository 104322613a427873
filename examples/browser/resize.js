// The contract's resize methods, as OpenCV computes them: another resize than in training costs accuracy.
// Both axes are alike, so each is a list of the pixels that make one new pixel, with their weights.

/** Stretch `{data, width, height}` (RGB, three bytes a pixel) to a size; a new Uint8Array of width * height * 3. */
export function resize({ data, width, height }, toWidth, toHeight, method) {
  const shrinks = width >= toWidth && height >= toHeight;
  const columns = weights(width, toWidth, method, shrinks), rows = weights(height, toHeight, method, shrinks);
  const narrow = new Float32Array(height * toWidth * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < toWidth; x++)
      for (const [from, weight] of columns[x])
        for (let c = 0; c < 3; c++)
          narrow[(y * toWidth + x) * 3 + c] += weight * data[(y * width + from) * 3 + c];
  const result = new Uint8ClampedArray(toHeight * toWidth * 3); // rounds half to even, as OpenCV does
  const line = new Float32Array(toWidth * 3);
  for (let y = 0; y < toHeight; y++) {
    line.fill(0);
    for (const [from, weight] of rows[y])
      for (let i = 0; i < line.length; i++) line[i] += weight * narrow[from * toWidth * 3 + i];
    result.set(line, y * toWidth * 3);
  }
  return new Uint8Array(result.buffer);
}

function weights(from, to, method, shrinks) {
  const scale = from / to, clamp = (place) => Math.min(Math.max(place, 0), from - 1);
  return Array.from({ length: to }, (_, i) => {
    if (method === "nearest") return [[clamp(Math.floor((i + 0.5) * scale)), 1]];
    if (method === "area" && shrinks) {
      const start = i * scale, end = Math.min(start + scale, from), covered = [];
      for (let place = Math.floor(start); place < end - 1e-3; place++) {
        const share = Math.min(place + 1, end) - Math.max(place, start);
        if (share > 1e-3) covered.push([place, share / (end - start)]);
      }
      return covered;
    }
    let left, share;
    if (method === "area") {
      left = Math.floor(i * scale);
      share = i + 1 - (left + 1) / scale;
      share = share <= 0 ? 0 : share - Math.floor(share);
    } else if (method === "bilinear") {
      const centre = (i + 0.5) * scale - 0.5;
      left = Math.floor(centre);
      share = centre - left;
    } else throw new Error(`this example knows no resize method ${method}`);
    return [[clamp(left), 1 - share], [clamp(left + 1), share]];
  });
}
