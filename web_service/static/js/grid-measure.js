// How large the cells of the grid are.

export const GAP = 8;
const CAPTION = 40;
const TARGETS = { phone: 150, sizes: [120, 168, 248] };
const SHAPES = [3 / 4, 1, 4 / 3]; // width to height of a cell

/** {columns, cell, height, rowHeight} of a grid `width` pixels wide; `size`: 0 to 2, `shape`: width to height. */
export function measured(width, { size, captions, shape }) {
  const phone = matchMedia("(max-width: 600px)").matches;
  const target = phone ? TARGETS.phone : TARGETS.sizes[size];
  const columns = phone ? [3, 2, 1][size] : Math.max(2, Math.round((width + GAP) / (target + GAP)));
  const cell = (width - GAP * (columns - 1)) / columns;
  const height = Math.floor(cell / shape);
  return { columns, cell: Math.floor(cell), height, rowHeight: height + (captions ? CAPTION : 0) + GAP };
}

/** The shape for cells that suits most of some pictures, each {width, height}. */
export function usualShape(pictures) {
  const sorted = pictures.map(({ width, height }) => width / height).sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1];
  return SHAPES.reduce((best, shape) => (Math.abs(Math.log(median / shape)) < Math.abs(Math.log(median / best)) ? shape : best));
}
