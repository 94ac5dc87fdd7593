"""A real grocer's year through the till feed: `options` what part, `source` the file, `founding` shops and households,
`run` the whole with its workers (`worker`, `lane`), and the figures at the end. A settled year also has `spending`, its
accounting days (`settling`), a `bank`, and what must come out (`checking`).
"""
