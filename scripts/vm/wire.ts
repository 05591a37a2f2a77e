/**
 * A virtual wire between two guests: frames go from socket to socket on this machine, and no network of its own has a
 * part in it. What is sent while the other end is not there yet is lost, as on a wire.
 */
import { join } from 'node:path';

/** @param folder for the sockets @returns QEMU's arguments for the device at each end */
export function wire(folder: string): readonly [string[], string[]] {
  const [one, other] = [join(folder, 'wire-0'), join(folder, 'wire-1')];
  return [end(one, other, 0), end(other, one, 1)];
}

/** The name that the guest's kernel gives it, being its only one. */
export const WIRE_DEVICE = 'eth0';

const end = (local: string, remote: string, index: number): string[] => [
  '-netdev',
  `dgram,id=wire,local.type=unix,local.path=${local},remote.type=unix,remote.path=${remote}`,
  '-device',
  // No firmware that would look for something to boot from there.
  `virtio-net-pci,netdev=wire,mac=52:54:00:00:00:0${index + 1},romfile=`,
];
