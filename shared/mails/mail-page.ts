import { type Html, html } from "../pages/html.ts";

/** Outlook for Windows sets what names no font of its own in Times New Roman, so every text names it. */
const font = "font-family:Segoe UI,Helvetica,Arial,sans-serif;";
const body = `${font}font-size:16px;line-height:24px;`;
const small = `${font}font-size:14px;line-height:20px;`;
const ink = "color:#1c1d22;";
const soft = "color:#4a4d57;";

/** Only what cannot be said beside an element. */
const style = `
:root { color-scheme: light dark; supported-color-schemes: light dark; }
body { -webkit-text-size-adjust: 100%; -ms-text-size-adjust: 100%; }
@media (prefers-color-scheme: dark) {
  .paper { background: #131418 !important; }
  .card { background: #1d1e24 !important; border-color: #2e3039 !important; }
  .ink { color: #f1f1f4 !important; }
  .soft { color: #b4b7c3 !important; }
  .rule { border-color: #2e3039 !important; }
  .link { color: #a9b8ff !important; }
  .button { background: #a9b8ff !important; }
  .button a { color: #14162b !important; }
}
@media (max-width: 480px) {
  .inside { padding: 24px 20px !important; }
}
`;

/** Outlook for Windows knows no `max-width`: there a table around the table keeps the lines short. */
const outlookOnly = (markup: string) => `<!--[if mso]>${markup}<![endif]-->`;

/**
 * The frame of a mail. Mail programs know little CSS, and Outlook for Windows lays out as Word does: tables, every
 * style beside its element, spaces as cell padding, nothing from elsewhere. Where a program turns light into dark by
 * itself, each text stands on a ground that is turned with it.
 *
 * @param why the small print: why somebody gets this mail
 * @see https://learn.microsoft.com/previous-versions/office/developer/office-2007/aa338201(v=office.12)
 */
export const mailPage = (title: string, content: readonly Html[], why: Html | string): string =>
  [
    html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<title>${title}</title>
<style>`.text,
    style,
    html`</style>
</head>
<body class="paper" bgcolor="#f5f5f7" style="margin:0;padding:0;background:#f5f5f7;">
<table role="presentation" class="paper" width="100%" cellpadding="0" cellspacing="0" border="0" bgcolor="#f5f5f7" style="background:#f5f5f7;">
<tr><td align="center" style="padding:24px 12px;">
`.text,
    outlookOnly(
      '<table role="presentation" width="560" cellpadding="0" cellspacing="0" border="0"><tr><td>',
    ),
    html`
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:560px;">
<tr><td class="ink" style="padding:0 4px 12px;${small}font-weight:600;${ink}">Appse AI</td></tr>
<tr><td class="card inside" bgcolor="#ffffff" style="padding:32px;background:#ffffff;border:1px solid #e3e4ea;border-radius:12px;overflow-wrap:anywhere;">
<h1 class="ink" style="margin:0 0 16px;${font}font-size:22px;line-height:28px;font-weight:600;${ink}">${title}</h1>
${content}</td></tr>
<tr><td class="soft" style="padding:16px 4px 0;${small}${soft}overflow-wrap:anywhere;">${why}</td></tr>
</table>
`.text,
    outlookOnly("</td></tr></table>"),
    html`
</td></tr>
</table>
</body>
</html>
`.text,
  ].join("");

const parts = (content: readonly (Html | string)[]): readonly Html[] =>
  content.map((part) => (typeof part === "string" ? html`${part}` : part));

export const paragraph = (
  ...content: readonly (Html | string)[]
): Html => html`<p class="soft" style="margin:0 0 16px;${body}${soft}">${parts(content)}</p>
`;

/** What need not be read, and closes a part of the mail. */
export const smallPrint = (
  ...content: readonly (Html | string)[]
): Html => html`<p class="soft" style="margin:0 0 8px;${small}${soft}">${parts(content)}</p>
`;

export const heading = (
  text: string,
): Html => html`<h2 class="ink" style="margin:28px 0 8px;${font}font-size:17px;line-height:24px;font-weight:600;${ink}">${text}</h2>
`;

export const strong = (text: Html | string): Html =>
  html`<strong class="ink" style="font-weight:600;${ink}">${text}</strong>`;

export const link = (url: string, text: string): Html =>
  html`<a class="link" href="${url}" style="color:#3043b8;">${text}</a>`;

export const mailto = (address: string): string => {
  const at = address.lastIndexOf("@");
  return `mailto:${encodeURIComponent(address.slice(0, at))}${address.slice(at)}`;
};

/** Each a sentence that begins in bold, and a note below it. */
export const points = (
  items: readonly { readonly title: string; readonly rest: string; readonly note: string }[],
): Html => html`<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
${items.map(
  ({
    title,
    rest,
    note,
  }) => html`<tr><td class="rule soft" style="padding:12px 0;border-top:1px solid #e3e4ea;${body}${soft}">${strong(title)}${rest}<br><span class="soft" style="${small}${soft}">${note}</span></td></tr>
`,
)}<tr><td class="rule" style="padding:0 0 12px;border-top:1px solid #e3e4ea;font-size:1px;line-height:1px;">&nbsp;</td></tr>
</table>
`;

/** Outlook for Windows pads cells and no links; elsewhere the whole button is the link. */
export const button = (
  url: string,
  text: string,
): Html => html`<table role="presentation" cellpadding="0" cellspacing="0" border="0">
<tr><td style="padding:8px 0 20px;">
<table role="presentation" cellpadding="0" cellspacing="0" border="0">
<tr><td class="button" align="center" bgcolor="#3043b8" style="border-radius:8px;background:#3043b8;mso-padding-alt:12px 24px;"><a href="${url}" style="display:inline-block;padding:12px 24px;${body}font-weight:600;color:#ffffff;text-decoration:none;">${text}</a></td></tr>
</table>
</td></tr>
</table>
`;
