const unescaped = (text: string) =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&nbsp;", " ")
    .replaceAll("&amp;", "&");

const bodyOf = (html: string) => html.slice(html.indexOf("<body"));

/** The words of a mail, as somebody reads them. */
export const shownBy = (html: string): string =>
  unescaped(
    bodyOf(html)
      .replaceAll(/<!--.*?-->/gs, "")
      .replaceAll(/<(?:br|\/?p|\/?h\d|\/?td)[ >]/g, " $&")
      .replaceAll(/<[^>]*>/g, ""),
  )
    .replaceAll(/\s+/g, " ")
    .trim();

export const linksIn = (html: string): readonly string[] =>
  [...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => unescaped(href ?? ""));

/** Every element that begins, in order. */
export const tagsIn = (html: string): readonly string[] =>
  [...html.matchAll(/<([a-z][a-z0-9]*)/g)].map(([, name]) => name ?? "");
