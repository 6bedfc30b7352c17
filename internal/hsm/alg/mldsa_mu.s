// This file is empty: with it the compiler takes a function without a body.
