import type { BenchResult } from "../result.ts";

/** One look in light and dark: an image on a page follows the reader's setting. */
const style = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .soft { fill: #57606a; font-size: 12px; }
  .end { text-anchor: end; } .middle { text-anchor: middle; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .a { fill: #0969da; } .b { fill: #8250df; }
  .line { fill: none; stroke-width: 2.5; }
  .ours { stroke: #0969da; } .peer0 { stroke: #cf222e; } .peer1 { stroke: #9a6700; } .peer2 { stroke: #8250df; }
  .dot-ours { fill: #0969da; } .dot-peer0 { fill: #cf222e; } .dot-peer1 { fill: #9a6700; } .dot-peer2 { fill: #8250df; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .soft { fill: #9198a1; } .grid { stroke: #3d444d; }
    .a { fill: #4493f8; } .b { fill: #ab7df8; }
    .ours { stroke: #4493f8; } .peer0 { stroke: #ff7b72; } .peer1 { stroke: #d29922; } .peer2 { stroke: #ab7df8; }
    .dot-ours { fill: #4493f8; } .dot-peer0 { fill: #ff7b72; } .dot-peer1 { fill: #d29922; } .dot-peer2 { fill: #ab7df8; }
  }`;

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

const text = (x: number, y: number, what: string, classes = "") =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${classes && ` class="${classes}"`}>${escaped(what)}</text>`;

const svg = (width: number, height: number, title: string, parts: readonly string[]) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
<style>${style}
</style>
${parts.join("\n")}
</svg>
`;

const thousands = (value: number) => Math.round(value).toLocaleString("en");

/** Fetches per second of each contender, at one caller and at sixteen, on a scale of powers of ten. */
export const warmPlot = ({ warm, date }: BenchResult): string => {
  const rows = warm?.rows.filter(({ latency }) => latency === 0) ?? [];
  const names = [...new Set(rows.map(({ name }) => name))];
  const [width, left, right, top, step] = [860, 370, 90, 84, 52];
  const height = top + names.length * step + 34;
  const values = rows.map(({ fetchesPerSecond }) => fetchesPerSecond);
  const low = 10 ** Math.floor(Math.log10(Math.min(...values)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...values)));
  const x = (value: number) =>
    left + (Math.log10(value / low) / Math.log10(high / low)) * (width - left - right);
  const powers = Array.from(
    { length: Math.round(Math.log10(high / low)) + 1 },
    (_, power) => low * 10 ** power,
  );
  const title = "Token fetches per second of one warm process";
  return svg(width, height, title, [
    text(16, 26, title, "title"),
    text(
      16,
      46,
      `Remote calls counted at the engines; loopback, logarithmic scale; ${date.slice(0, 10)}`,
      "soft",
    ),
    ...powers.flatMap((power) => [
      `<line class="grid" x1="${x(power).toFixed(1)}" x2="${x(power).toFixed(1)}" y1="${top - 8}" y2="${height - 30}"/>`,
      text(x(power), height - 12, thousands(power), "soft middle"),
    ]),
    ...names.flatMap((name, index) => {
      const y = top + index * step;
      const calls = rows.find((row) => row.name === name)?.callsPerFetch ?? 0;
      return [
        text(left - 12, y + 14, name, "end"),
        text(
          left - 12,
          y + 31,
          `${calls.toFixed(0)} remote ${calls.toFixed(0) === "1" ? "call" : "calls"}`,
          "soft end",
        ),
        ...([1, 16] as const).map((callers, bar) => {
          const value =
            rows.find((row) => row.name === name && row.callers === callers)?.fetchesPerSecond ??
            low;
          const end = x(value);
          return [
            `<rect class="${bar === 0 ? "a" : "b"}" x="${left}" y="${y + bar * 18}" width="${(end - left).toFixed(1)}" height="15" rx="2"/>`,
            text(end + 6, y + bar * 18 + 12, thousands(value), "soft"),
          ].join("\n");
        }),
      ];
    }),
    `<rect class="a" x="${width - 250}" y="16" width="12" height="12" rx="2"/>`,
    text(width - 232, 26, "1 caller"),
    `<rect class="b" x="${width - 150}" y="16" width="12" height="12" rx="2"/>`,
    text(width - 132, 26, "16 callers"),
  ]);
};

/** Calls to Microsoft by the number of environments that ask at once, both on scales of powers of ten. */
export const herdPlot = ({ herd, date }: BenchResult): string => {
  const rows = herd?.rows.filter(({ secondsLeft }) => secondsLeft < 0) ?? [];
  const names = [...new Set(rows.map(({ name }) => name))];
  const [width, height, left, right, top, bottom] = [820, 380, 70, 250, 76, 56];
  const decades = 3;
  const x = (value: number) => left + (Math.log10(value) / decades) * (width - left - right);
  const y = (value: number) =>
    height - bottom - (Math.log10(value) / decades) * (height - top - bottom);
  const peers = names.filter((name) => name !== "ours");
  // Peers that do the same lie on one another: dashes let each be seen.
  const dashes = ["", "12 6", "3 6"];
  const title = "Calls to Microsoft when many environments meet one expired token";
  const ends = names
    .map((name) => ({ name, last: rows.filter((row) => row.name === name).at(-1) }))
    .filter(({ last }) => last !== undefined);
  return svg(width, height, title, [
    text(16, 26, title, "title"),
    text(16, 46, `Counted at the token endpoint; ${date.slice(0, 10)}`, "soft"),
    ...[1, 10, 100, 1_000].flatMap((value) => [
      `<line class="grid" x1="${left}" x2="${width - right}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}"/>`,
      text(left - 10, y(value) + 4, thousands(value), "soft end"),
      text(x(value), height - bottom + 22, thousands(value), "soft middle"),
    ]),
    text((left + width - right) / 2, height - 12, "environments at once", "soft middle"),
    ...names.flatMap((name) => {
      const kind = name === "ours" ? "ours" : `peer${peers.indexOf(name)}`;
      const points = rows.filter((row) => row.name === name);
      const at = points.map(
        ({ environments, tokenCalls }) => [x(environments), y(Math.max(1, tokenCalls))] as const,
      );
      const dash = name === "ours" ? "" : (dashes[peers.indexOf(name)] ?? "");
      return [
        `<polyline class="line ${kind}"${dash && ` stroke-dasharray="${dash}"`} points="${at.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(" ")}"/>`,
        ...at.map(
          ([px, py]) =>
            `<circle class="dot-${kind}" cx="${px.toFixed(1)}" cy="${py.toFixed(1)}" r="4"/>`,
        ),
      ];
    }),
    ...ends.flatMap(({ name, last }, index) => {
      const kind = name === "ours" ? "ours" : `peer${peers.indexOf(name)}`;
      const lineY = top + 18 + index * 44;
      return [
        `<circle class="dot-${kind}" cx="${width - right + 26}" cy="${lineY - 4}" r="5"/>`,
        text(width - right + 40, lineY, name),
        text(
          width - right + 40,
          lineY + 17,
          `${last?.tokenCalls} of ${thousands(last?.environments ?? 0)}`,
          "soft",
        ),
      ];
    }),
  ]);
};
