"""A model behind an OpenAI-compatible endpoint: asked over HTTP, as a person's own client would.

address       `https://host/v1#model` → where requests go, and which key may go along
transport     one request: bounded reading, retries with back-off, errors in words
chat          turns → the body of a request; its reply → an answer
scoring       likelihoods of given options, where a server has a way to tell them
kept          what was answered, on disk as it comes
spending      how many requests, tokens and how much money, before any of it
asking        many at a time; nothing twice
"""
