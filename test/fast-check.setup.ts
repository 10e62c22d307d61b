import fc from 'fast-check'

// Else a list of at most 60 has about ten entries, and what needs a long history is never met.
fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true })
