/** What the tests use of the package, which brings no types. */
declare module '@20minutes/s3rver' {
  import type { RequestListener } from 'node:http'
  class S3rver {
    constructor(options: {
      readonly silent: boolean
      readonly directory: string
      readonly configureBuckets: readonly { readonly name: string; readonly configs: readonly [] }[]
    })
    configureBuckets(): Promise<unknown>
    callback(): RequestListener
  }
  export = S3rver
}
