"""The built pages measured: what they weigh, how fast they answer, what Lighthouse says, how long a build takes."""
