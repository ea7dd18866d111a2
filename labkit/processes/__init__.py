"""Processes that work for a notebook, and what crosses between them.

Labs 04 and 05 are made of these, which need nothing but Python's own library:

`child`     a program that ends when the process that started it does
`wire`      frames over TCP between two that know one key; every byte is counted
`peer`      another process that is asked: started, awaited, lost, ended
`serving`   that process's side: answers requests, from several sides at once
`ledger`    what crossed, and how many bytes that took
`errors`    what can go wrong

A party of lab 04 holds tensors (`tensor_party`) and computes with them by TensorFlow's C interface
(`capi`), which loads in a second where TensorFlow's Python takes five. A party of lab 05 is
`labkit.encrypted.process`.
"""
