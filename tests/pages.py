"""What tests ask of a page in a browser, as JavaScript expressions."""

from __future__ import annotations

CONTRASTS = """(() => {
  const parse = text => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                       return .2126 * r + .7152 * g + .0722 * b; };
  const behind = node => { const layers = [];
    for (let at = node; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]); };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.getClientRects().length) continue;
    const back = behind(node), style = getComputedStyle(node);
    const front = over(parse(node.namespaceURI.endsWith('svg') ? style.fill : style.color), back);
    const [dark, bright] = [light(front), light(back)].sort((a, b) => a - b);
    found.push([(bright + .05) / (dark + .05), walk.currentNode.data]);
  }
  return found.sort((a, b) => a[0] - b[0]).slice(0, 5);
})()"""
"""WCAG's contrast of each text with what lies behind it; the lowest first."""

OUTSIDE = """[...document.querySelectorAll('body *')].filter(node => {
  const box = node.getBoundingClientRect();
  return box.width && (box.right > innerWidth + 1 || box.left < -1) && !node.closest('.scroll, pre, clipPath');
}).map(node => node.outerHTML.slice(0, 80))"""
"""Elements that stick out of the window, but for those in boxes that scroll."""

OVERLAPPING = """[...document.querySelectorAll('main svg')].flatMap(svg => {
  const texts = [...svg.querySelectorAll('text')].map(one => [one.getBoundingClientRect(), one.textContent]);
  return texts.flatMap(([a, words], place) => texts.slice(place + 1).filter(([b]) =>
    a.left + 1 < b.right && b.left + 1 < a.right && a.top + 3 < b.bottom && b.top + 3 < a.bottom
  ).map(([, others]) => [words, others]));
})"""
"""Pairs of texts in a chart that lie on each other."""
