import dns from "node:dns";
import { onTestFinished, vi } from "vitest";

/**
 * Until the test ends no host has an address.
 *
 * @returns the hosts that are looked up from now on, in order
 */
export const lookedUpHosts = (): readonly string[] => {
  const hosts: string[] = [];
  const lookup = (host: string, ...[, found]: [unknown, (error: Error) => void]) => {
    hosts.push(host);
    found(new Error("no address"));
  };
  const spied = vi.spyOn(dns, "lookup").mockImplementation(lookup as typeof dns.lookup);
  onTestFinished(() => {
    spied.mockRestore();
  });
  return hosts;
};
