import type { Plot } from "./measurement.ts";

const WIDTH = 720;
const LETTER = 6.6;
const VALUE_WIDTH = 90;
const ROW = 34;
const BAR = 20;
const HEAD = 40;
const COLOURS = ["#2f6f8f", "#9aa7ad", "#c9d1d5", "#b8860b"] as const;

/** Bars as SVG, readable on light and on dark pages. The spread is a thin line over the end of its bar. */
export function drawBars({ title, unit, bars }: Plot): string {
  const most = Math.max(...bars.map(({ value, most: top = value }) => Math.max(value, top)));
  const labelWidth = 24 + LETTER * Math.max(...bars.map(({ label }) => label.length));
  const scale = (WIDTH - labelWidth - VALUE_WIDTH) / most;
  const rows = bars.map(({ label, value, least, most: top }, index) => {
    const y = HEAD + index * ROW;
    const middle = y + BAR / 2;
    const at = (number: number) => (labelWidth + number * scale).toFixed(1);
    const spread =
      least === undefined || top === undefined
        ? ""
        : `<line x1="${at(least)}" x2="${at(top)}" y1="${middle}" y2="${middle}" stroke="#d0021b" stroke-width="2"/>`;
    const number = value.toLocaleString("en", { maximumSignificantDigits: 3 });
    return [
      `<text x="${labelWidth - 8}" y="${middle + 4}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${labelWidth}" y="${y}" width="${(value * scale).toFixed(1)}" height="${BAR}" fill="${COLOURS[index % COLOURS.length]}"/>`,
      spread,
      `<text x="${at(Math.max(value, top ?? 0))}" dx="6" y="${middle + 4}">${number}</text>`,
    ].join("");
  });
  const height = HEAD + bars.length * ROW;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="8" y="20" font-size="14">${escaped(title)}: ${escaped(unit)}</text>
${rows.join("\n")}
</svg>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
