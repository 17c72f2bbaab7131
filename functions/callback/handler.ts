import { type ParkAnswerPorts, parkAnswer } from "../../shared/domain/park-answer.ts";
import { attemptLabel } from "../../shared/http/api-ids.ts";
import { type EndpointHandler, endpoint } from "../../shared/http/endpoint.ts";
import { readMicrosoftForm } from "../../shared/http/microsoft-form.ts";
import { page, seeOther } from "../../shared/http/response.ts";
import { returnUrl } from "../../shared/http/return-url.ts";
import { isTopLevel } from "../../shared/http/top-level.ts";
import { logger } from "../../shared/logger.ts";
import { signInLostPage } from "../../shared/pages/sign-in-lost.ts";
import { signInWaitingPage } from "../../shared/pages/sign-in-waiting.ts";

export interface CallbackSettings {
  readonly MICROSOFT_AUTHORITY: URL;
  readonly RETURN_PAGES: Readonly<Record<string, URL>>;
}

/** Posting the form again is safe: either nothing was kept of the first time, or the answer was. */
const signInWaiting = () => page(503, signInWaitingPage);

/** POST /callback: Microsoft sends the person's browser here. */
export const callbackHandler = (
  { MICROSOFT_AUTHORITY, RETURN_PAGES }: CallbackSettings,
  ports: ParkAnswerPorts,
): EndpointHandler =>
  endpoint(async (request) => {
    if (!isTopLevel(request)) {
      logger.warn("answer brought out of sight", { failure: "not_top_level" });
      return page(400, signInLostPage);
    }
    const { body, headers } = request;
    const answer = readMicrosoftForm(body, headers["content-type"], MICROSOFT_AUTHORITY);
    if (!answer) {
      logger.warn("answer not understood", { failure: "invalid_request" });
      return page(400, signInLostPage);
    }
    const parked = await parkAnswer(answer, ports);
    if (!parked.ok) {
      logger.warn("answer to no known sign-in", { failure: parked.failure.kind });
      return page(400, signInLostPage);
    }

    const { attemptId, returnTo, completion } = parked.value;
    const returnPage = RETURN_PAGES[returnTo];
    if (!returnPage) throw new Error("the attempt names a return page that is no longer listed");
    logger.info(completion ? "answer parked" : "answer came again, or too late", {
      attempt: attemptLabel(attemptId),
    });
    return seeOther(returnUrl(returnPage, parked.value));
  }, signInWaiting);
