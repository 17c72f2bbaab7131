import { expect, it } from "vitest";
import { browserCookie, cookieOf } from "../../../shared/http/cookies.ts";
import { requestOf } from "../../../shared/http/request.ts";
import { httpEvent } from "../../fakes/http-event.ts";

const read = (...cookies: readonly string[]) =>
  cookieOf(requestOf(httpEvent({ route: "POST /", cookies }), 1_000), "__Host-it");

it("reads a cookie among others, as the gateway hands them over", () => {
  expect(read("other=1", "__Host-it=a=b", "__Host-it2=2")).toBe("a=b");
});

it.for<readonly [string, readonly string[]]>([
  ["there are none", []],
  ["there are only others", ["it=1", "x__Host-it=1", "__host-it=1", "__Host-it"]],
  ["there are two", ["__Host-it=1", "__Host-it=1"]],
])("reads nothing where %s", ([, cookies]) => {
  expect(read(...cookies)).toBeUndefined();
});

it("reads nothing where the gateway hands none over", () => {
  expect(cookieOf(requestOf(httpEvent({ route: "POST /" }), 1_000), "__Host-it")).toBeUndefined();
});

it("is set for this host alone, out of reach of scripts, and comes back from Microsoft's page", () => {
  expect(browserCookie("__Host-it", "v", 600)).toBe(
    "__Host-it=v; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=None",
  );
});
