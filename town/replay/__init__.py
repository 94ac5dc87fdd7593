"""A real grocer's year through the till feed: `options` what part, `source` the file, `founding` shops and households,
`run` the whole with its workers (`worker`, `lane`), and the figures at the end.
"""
