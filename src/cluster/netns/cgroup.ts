/** What a container runtime wrote into the path of a control group. */
export interface CgroupFacts {
  /** The Pod's UID as the API and kubelet's directories spell it. */
  readonly podUid?: string;
  /** Container id, 64 hexadecimal digits. */
  readonly container?: string;
}

/**
 * From /proc/PID/cgroup, v1 or v2. kubelet's cgroupfs driver writes `…/kubepods/burstable/podUID/ID`, its
 * systemd driver `…/kubepods-burstable-podUID.slice/cri-containerd-ID.scope` with `_` for `-`; a static Pod's
 * UID is 32 digits without dashes. A plain container has an id alone.
 */
export function parseCgroup(text: string): CgroupFacts {
  const pods = [
    ...text.matchAll(/kubepods[^\n]*?[/-]pod([0-9a-f]{8}(?:[-_]?[0-9a-f]{4}){3}[-_]?[0-9a-f]{12})(?=[./])/g),
  ];
  const containers = [...text.matchAll(/[/:-]([0-9a-f]{64})(?:\.scope)?(?=\/|$)/gm)];
  // Containers nest (a Pod in a kind node, which is a container itself): the innermost is the process's own.
  const podUid = pods.at(-1)?.[1]?.replaceAll('_', '-');
  const container = containers.at(-1)?.[1];
  return { ...(podUid === undefined ? {} : { podUid }), ...(container === undefined ? {} : { container }) };
}
