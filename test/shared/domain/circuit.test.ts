import { describe, expect, it } from "vitest";
import {
  admissionTo,
  afterFault,
  asProbe,
  type Circuit,
  type CircuitEvent,
  closed,
} from "../../../shared/domain/circuit.ts";
import { connectionId } from "../../../shared/domain/ids.ts";
import { noon, secondsAfter } from "../../fakes/samples.ts";

const at = (seconds: number) => secondsAfter(noon, seconds);

const event = (
  fault: CircuitEvent["fault"],
  changes: Partial<CircuitEvent> = {},
): CircuitEvent => ({
  fault,
  connection: connectionId("conn_1"),
  retryAfterSeconds: undefined,
  ...changes,
});

const throttled = (retryAfterSeconds: number | undefined, circuit?: Circuit, now = noon) =>
  afterFault(circuit, event("throttled", { retryAfterSeconds }), now);

/** Each of these connections meets an outage, at this second. */
const outages = (
  meetings: readonly (readonly [connection: number, second: number])[],
  begin?: Circuit,
) =>
  meetings.reduce<Circuit | undefined>((circuit, [connection, second]) => {
    const met = event("temporarily_unavailable", {
      connection: connectionId(`conn_${connection}`),
    });
    return afterFault(circuit, met, at(second)) ?? circuit;
  }, begin);

const isOpenAt = (circuit: Circuit | undefined, second: number) =>
  admissionTo(circuit, at(second)).kind;

describe("a tenant that Microsoft throttles", () => {
  it("rests for as long as Microsoft says, and not a second less", () => {
    const circuit = throttled(120);

    expect(admissionTo(circuit, at(0))).toEqual({ kind: "open", until: at(120) });
    expect(isOpenAt(circuit, 119)).toBe("open");
    expect(isOpenAt(circuit, 120)).toBe("half_open");
  });

  it("rests for half a minute when Microsoft does not say", () => {
    expect(throttled(undefined)?.openUntil).toEqual(at(30));
  });

  it("rests for an hour at the most, whatever Microsoft says", () => {
    expect(throttled(86_400)?.openUntil).toEqual(at(3600));
  });

  it("does not rest for less because another request is told less", () => {
    const circuit = throttled(120);

    expect(throttled(10, circuit, at(1))).toBeUndefined();
    expect(throttled(120, circuit, at(1))?.openUntil).toEqual(at(121));
  });
});

describe("a tenant for which Microsoft is out of order", () => {
  it("rests when three of its connections meet it within a minute", () => {
    expect(
      isOpenAt(
        outages([
          [1, 0],
          [2, 10],
        ]),
        10,
      ),
    ).toBe("closed");
    expect(
      outages([
        [1, 0],
        [2, 10],
        [3, 59],
      ])?.openUntil,
    ).toEqual(at(59 + 15));
  });

  it("does not rest because one connection meets it again and again, or several do now and then", () => {
    expect(
      isOpenAt(
        outages([
          [1, 0],
          [1, 10],
          [1, 20],
          [2, 30],
        ]),
        31,
      ),
    ).toBe("closed");
    expect(
      isOpenAt(
        outages([
          [1, 0],
          [2, 40],
          [3, 61],
        ]),
        61,
      ),
    ).toBe("closed");
  });

  it("is tried by one when the rest is over, and by nobody else meanwhile", () => {
    const open = outages([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
    if (!open) expect.fail("it did not open");

    expect(isOpenAt(open, 15)).toBe("half_open");
    const tried = asProbe(open, at(15));
    expect(isOpenAt(tried, 16)).toBe("open");
    // The one who tried may have died.
    expect(isOpenAt(tried, 30)).toBe("half_open");
  });

  it("rests longer each time it is met again, for five minutes at the most", () => {
    let circuit = outages([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
    const rests: number[] = [];
    for (let time = 0; time < 7; time += 1) {
      if (!circuit?.openUntil) expect.fail("it did not open");
      const now = circuit.openUntil;
      circuit = afterFault(asProbe(circuit, now), event("temporarily_unavailable"), now);
      rests.push(((circuit?.openUntil?.getTime() ?? 0) - now.getTime()) / 1000);
    }

    expect(rests).toEqual([30, 60, 120, 240, 300, 300, 300]);
  });

  it("is as it was at the beginning once Microsoft has answered", () => {
    const open = outages([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
    if (!open) expect.fail("it did not open");

    const again = outages(
      [
        [1, 20],
        [2, 20],
        [3, 20],
      ],
      closed(asProbe(open, at(15))),
    );

    expect(isOpenAt(closed(open), 1)).toBe("closed");
    expect(again?.openUntil).toEqual(at(35));
  });
});

it("the app's credential rests half a minute each time it is refused, never longer: it may be repaired any moment", () => {
  let circuit: Circuit | undefined;
  for (let time = 0; time < 5; time += 1) {
    circuit = afterFault(circuit, event("app_credential_rejected"), at(60 * time));
    expect(circuit?.openUntil).toEqual(at(60 * time + 30));
  }
});
