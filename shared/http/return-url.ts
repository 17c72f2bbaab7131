import type { Return } from "../domain/park-answer.ts";

/** The fragment stays in the browser: no server, log or Referer header sees it. RFC 3986 §3.5 */
export const returnUrl = (returnPage: URL, { attemptId, completion }: Return): URL => {
  const url = new URL(returnPage);
  const values = new URLSearchParams({ attemptId });
  if (completion) values.set("completion", completion.reveal());
  url.hash = values.toString();
  return url;
};
