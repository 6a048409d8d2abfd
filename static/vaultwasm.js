'use strict';

// What the frame and the pages of the vault share: the way to the vault's program.
