/**
 * What a node measures of itself: every name once, with kind, unit and meaning. Names have dots and UCUM units, so
 * that OpenTelemetry's standard translation yields Prometheus names (`ooto.handshake.duration`, s, becomes
 * `ooto_handshake_duration_seconds`).
 */

export interface Instrument {
  kind: 'counter' | 'gauge' | 'histogram';
  /** UCUM; braces hold what is counted. */
  unit: string;
  description: string;
}

export const INSTRUMENTS = {
  'ooto.handshakes': {
    kind: 'counter',
    unit: '{handshake}',
    description: 'Handshakes that ended, by result',
  },
  'ooto.handshake.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Time from first byte to open channel',
  },
  'ooto.records.sealed': { kind: 'counter', unit: '{record}', description: 'Records of channels sealed' },
  'ooto.record.bytes': { kind: 'counter', unit: 'By', description: 'Bytes of records, by direction' },
  'ooto.auth.failures': { kind: 'counter', unit: '{failure}', description: 'Peers refused, by phase' },
  'ooto.members': { kind: 'gauge', unit: '{member}', description: 'Members of the mesh, by state' },
  'ooto.certificate.expiry.timestamp': {
    kind: 'gauge',
    unit: 's',
    description: 'End of the own certificate in seconds since 1970',
  },
  'ooto.log.head.index': {
    kind: 'gauge',
    unit: '{entry}',
    description: 'Entries in the own transparency log',
  },
  'ooto.log.append.duration': { kind: 'histogram', unit: 's', description: 'Time of a durable append' },
  'ooto.threshold.signatures': {
    kind: 'counter',
    unit: '{signature}',
    description: 'Threshold signatures taken part in, by result',
  },
  'ooto.attestations': { kind: 'counter', unit: '{attestation}', description: 'Appraisals, by result' },
  'ooto.workload.executions': {
    kind: 'counter',
    unit: '{execution}',
    description: 'Executions of assignments, by result',
  },
  'ooto.workload.duration': { kind: 'histogram', unit: 's', description: 'Time of one execution' },
  'ooto.workload.input.bytes': { kind: 'counter', unit: 'By', description: 'Bytes of input worked on' },
  'ooto.telemetry.records': { kind: 'counter', unit: '{record}', description: 'Records in the own chain' },
  'ooto.telemetry.refusals': {
    kind: 'counter',
    unit: '{refusal}',
    description: 'Telemetry refused by this collector, by code',
  },
  'ooto.build.info': {
    kind: 'gauge',
    unit: '1',
    description: 'Always 1; version and digest of the core are attributes',
  },
} as const satisfies Record<string, Instrument>;

export type InstrumentName = keyof typeof INSTRUMENTS;
export type NameOf<Kind extends Instrument['kind']> = {
  [Name in InstrumentName]: (typeof INSTRUMENTS)[Name]['kind'] extends Kind ? Name : never;
}[InstrumentName];
