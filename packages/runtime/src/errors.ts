/** Every code of this package, with what it means; those of `@riacho/streams` come beside them. The message of an error says what to do. */
export const codes = {
  RIACHO_CRASH_LOOP: 'a record at which the process has died again and again',
  RIACHO_OFFSET_RESET: 'nothing is committed of a topic, or what comes next is gone, and its policy is to stop',
  RIACHO_TOPIC_CREATE: 'an internal topic that the cluster does not let this application create',
  RIACHO_RESTORE_STALLED: 'a changelog that cannot be read to its end',
  RIACHO_STATE: 'a call that the state of the application does not allow',
  RIACHO_TOO_LARGE: 'a record with more bytes than may be written',
  RIACHO_TOPIC_MISSING: 'a topic that must exist and does not',
  RIACHO_TOPIC_PARTITIONS: 'an internal topic with other partitions than its plan says',
} as const
