/** As much of the package as the capture child uses; it brings no types. */
declare module 'cap' {
  export class Cap {
    /** @returns the link type; @throws what libpcap says */
    open(device: string, filter: string, ringBytes: number, packet: Buffer): string;
    on(event: 'packet', listener: (bytes: number, truncated: boolean) => void): this;
  }
}
