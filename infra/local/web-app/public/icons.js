const svgNamespace = "http://www.w3.org/2000/svg";

/** Drawn on a grid of 24, in lines of the text's colour. */
const paths = {
  mail: "M4 6.5h16a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1Zm-.6.6 8.6 6.4 8.6-6.4",
  check: "m5 12.5 4.5 4.5L19 7.5",
  alert: "M12 4 2.8 19.5h18.4L12 4Zm0 6v4.5m0 2.6v.1",
  play: "M8 5.5v13l10.5-6.5L8 5.5Z",
};

/** @param {keyof typeof paths} name @returns {SVGElement} a decoration: the text beside it says the same */
export const icon = (name) => {
  const svg = document.createElementNS(svgNamespace, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svgNamespace, "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
};
