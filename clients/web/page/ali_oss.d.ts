// The SDK has no types of its own; what is used of it is OssClient.
declare module 'ali-oss';
