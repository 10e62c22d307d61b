export { codes } from './errors.ts'
export type { RedisCacheOptions, RedisServer, RedisSourceOptions, RedisStreamOptions } from './options.ts'
export { redisCache, redisStream } from './sink.ts'
export { redisSource } from './source.ts'
